#!/usr/bin/env bash
# The jobs of Cloud Scheduler: made at the first deployment, updated at the others. Needs REGION and SERVICE_ACCOUNT.
set -euo pipefail

schedule() { # name, cron expression, deadline
  local name=$1 cron=$2 deadline=$3 url verb
  url=$(gcloud run services describe "$name" --region="$REGION" --format='value(status.url)')
  gcloud run services add-iam-policy-binding "$name" --region="$REGION" --quiet \
    --member="serviceAccount:$SERVICE_ACCOUNT" --role=roles/run.invoker
  verb=create
  if gcloud scheduler jobs describe "$name" --location="$REGION" >/dev/null 2>&1; then verb=update; fi
  # No retries: the next minute is one.
  gcloud scheduler jobs "$verb" http "$name" --location="$REGION" --schedule="$cron" --time-zone=Etc/UTC \
    --uri="$url" --http-method=POST --oidc-service-account-email="$SERVICE_ACCOUNT" --oidc-token-audience="$url" \
    --attempt-deadline="$deadline" --max-retry-attempts=0
}

schedule reminders '* * * * *' 120s
schedule reconcile '* * * * *' 120s
