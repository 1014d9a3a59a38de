#!/usr/bin/env bash
# After a deployment: each function answers, and lets nobody in who may not. Needs FUNCTIONS_URL.
set -euo pipefail

expect() { # statuses, path
  local status
  status=$(curl --silent --show-error --output /dev/null --write-out '%{http_code}' --retry 5 --retry-all-errors \
    --max-time 30 --request POST --header 'Content-Type: application/json' --data '{}' "$FUNCTIONS_URL/$2")
  if [[ " $1 " != *" $status "* ]]; then
    echo "$2 answered $status, not $1" >&2
    exit 1
  fi
  echo "$2 $status"
}

expect '401' webhook
expect '401 403' reminders
expect '401 403' reconcile
expect '401' cancel
expect '401' reschedule
expect '401' export
expect '401' receipts/resend
expect '403' preferences
expect '405' portal
expect '401' replay
