#!/bin/sh
# Posts a notification of Icinga 2 or Nagios to alertrelay, whose preset "icinga"
# reads it. RELAY_URL is the address of the source, RELAY_TOKEN_FILE has its token.
set -eu
exec curl -fsS --max-time 10 --retry 3 --retry-delay 2 -o /dev/null \
	${RELAY_TOKEN_FILE:+-H "Authorization: Bearer $(cat "$RELAY_TOKEN_FILE")"} \
	--data-urlencode "type=${NOTIFICATION_TYPE:-}" \
	--data-urlencode "state=${STATE:-}" \
	--data-urlencode "host=${HOST_NAME:-}" \
	--data-urlencode "service=${SERVICE_NAME:-}" \
	--data-urlencode "address=${ADDRESS:-}" \
	--data-urlencode "output=${OUTPUT:-}" \
	--data-urlencode "author=${AUTHOR:-}" \
	--data-urlencode "comment=${COMMENT:-}" \
	--data-urlencode "url=${URL:-}" \
	"$RELAY_URL"
