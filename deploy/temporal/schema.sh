#!/bin/sh
# Makes Temporal's two databases and brings their schema up to date. Running it again changes nothing.
set -eu
schema=/etc/temporal/schema/postgresql/v12
for database in temporal temporal_visibility; do
  folder=$schema/temporal/versioned
  [ "$database" = temporal ] || folder=$schema/visibility/versioned
  temporal-sql-tool --database "$database" create-database
  temporal-sql-tool --database "$database" setup-schema --version 0.0
  temporal-sql-tool --database "$database" update-schema --schema-dir "$folder"
done
