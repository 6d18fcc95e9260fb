"""`restore` as the tables' owner sees processes of the second role, of which it is told little."""

import pytest
from django.conf import settings as site
from django.db import connection

from orders.models import Order
from orders.operations.backups import backup, restore
from orders.operations.backups.refusals import CannotCopy
from tests.conftest import connected_to

pytestmark = pytest.mark.skipif(site.IS_SQLITE, reason="of PostgreSQL's roles")
# As docs/audit-log.md, "PostgreSQL: a second role": one role owns the tables, the app is another.
ROLES = """
DO $$ DECLARE one text; BEGIN
    FOR one IN
        SELECT 'TABLE ' || c.oid::regclass FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        UNION ALL SELECT 'ROUTINE ' || p.oid::regprocedure FROM pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'STATISTICS ' || s.stxname FROM pg_statistic_ext s
        UNION ALL SELECT 'SCHEMA public'
        UNION ALL SELECT format('DATABASE %I', current_database())
    LOOP EXECUTE format('ALTER %s OWNER TO OWNER_ROLE', one); END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO APP_ROLE;
"""


@pytest.fixture
def roles(committing_firm):
    """Both roles, of the test's own database: where to connect as the owner, and as the app."""
    about = connection.settings_dict
    owner, app = (f"{about['NAME'][:50]}_{role}" for role in ("owner", "app"))
    secret = f"PASSWORD '{about['PASSWORD']}'" if about["PASSWORD"] else ""
    with connection.cursor() as cursor:
        for role in (owner, app):
            cursor.execute(f'DROP ROLE IF EXISTS "{role}"')
            cursor.execute(f'CREATE ROLE "{role}" LOGIN {secret}')
        cursor.execute(ROLES.replace("OWNER_ROLE", f'"{owner}"').replace("APP_ROLE", f'"{app}"'))
    connection.close()
    yield {"NAME": about["NAME"], "USER": owner}, {"NAME": about["NAME"], "USER": app}
    with connection.cursor() as cursor:
        cursor.execute(f'REASSIGN OWNED BY "{owner}" TO CURRENT_USER')
        cursor.execute(f'DROP OWNED BY "{owner}", "{app}"')
        cursor.execute(f'DROP ROLE "{owner}", "{app}"')


def test_a_process_of_the_second_role_is_seen(committing_firm, roles, tmp_path):
    owner, app = roles
    with connected_to(**owner):
        backup.take(folder=tmp_path / "monday")
    with connected_to(**app):  # a sender that somebody forgot to stop
        sender = connection.copy()
        sender.ensure_connection()
    committing_firm.order()
    connection.close()
    try:
        with connected_to(**owner):
            with pytest.raises(CannotCopy, match="Others are connected"):
                restore.put_back(folder=tmp_path / "monday", is_told=True)
            assert Order.objects.count() == 1
    finally:
        sender.close()


def test_with_nobody_connected_it_goes(roles, tmp_path):
    owner, _ = roles
    with connected_to(**owner):
        backup.take(folder=tmp_path / "monday")
        assert restore.put_back(folder=tmp_path / "monday", is_told=True)
