"""The form of gunicorn's own lines. Gunicorn reads this file from the folder that it starts in."""

from desk import env_file, logs

logconfig_dict = logs.of_gunicorn("INFO", env_file.look_up("LOG_FORMAT", "text"))
