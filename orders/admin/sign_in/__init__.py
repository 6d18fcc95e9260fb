"""Pages between signing in and the desk: second factor, enrolment, a new password.

It imports `shared` alone of the admin. Open `views` first.
"""
