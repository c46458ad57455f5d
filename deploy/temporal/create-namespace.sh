#!/bin/sh
# Creates Paceline's namespace where it does not exist; TEMPORAL_ADDRESS is read by the CLI itself.
set -eu
temporal operator namespace describe --namespace "$NAMESPACE" >/dev/null 2>&1 && exit 0
temporal operator namespace create --namespace "$NAMESPACE" --retention 90d
