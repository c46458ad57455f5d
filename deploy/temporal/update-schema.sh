#!/bin/sh
# Brings Temporal's two databases to the schema of this image; safe to run again.
set -eu
versions=/etc/temporal/schema/postgresql/v12
for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  folder=${pair##*:}
  temporal-sql-tool --db "$database" setup-schema -v 0.0
  temporal-sql-tool --db "$database" update-schema -d "$versions/$folder/versioned"
done
