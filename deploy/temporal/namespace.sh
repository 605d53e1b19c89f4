#!/bin/sh
# Makes the namespace and the search attributes of Consign, if they are missing.
set -eu
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi

# A namespace that has just been made is known to every part of the server within ten seconds or so.
tries=0
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE"); do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 1
done

attribute() {
  if ! printf '%s\n' "$known" | grep -qw "$1"; then
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
  fi
}
attribute ConsignOrchestration Keyword
attribute ConsignCampaign Keyword
attribute ConsignDestination Keyword
attribute ConsignState Keyword
attribute ConsignRunKey Keyword
attribute ConsignRows Int
