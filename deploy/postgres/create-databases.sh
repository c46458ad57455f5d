#!/bin/sh
# Runs once, when PostgreSQL's volume is empty: each program gets a role, and databases that no other role may enter.
set -eu
create() { # create ROLE PASSWORD DATABASE...
  role=$1 secret=$2
  shift 2
  psql --no-psqlrc --set ON_ERROR_STOP=1 --set role="$role" --set secret="$secret" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'secret';
SQL
  for database in "$@"; do
    psql --no-psqlrc --set ON_ERROR_STOP=1 --set role="$role" --set database="$database" --username "$POSTGRES_USER" <<'SQL'
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
  done
}
create paceline "$PACELINE_POSTGRES_PASSWORD" paceline
create temporal "$TEMPORAL_POSTGRES_PASSWORD" temporal temporal_visibility
