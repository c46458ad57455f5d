#!/bin/sh
# Runs once, when PostgreSQL's volume is empty: Temporal gets a role and two databases of its own.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set secret="$TEMPORAL_POSTGRES_PASSWORD" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE temporal LOGIN PASSWORD :'secret';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
