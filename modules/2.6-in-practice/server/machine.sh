#!/usr/bin/env bash
# A team's MLflow on a virtual machine (Debian or Ubuntu), with a PostgreSQL and a bucket that are looked after for you.
# Read it, set the six variables, then run it once as root. Tell nobody what stands in /etc/mlflow.
set -euo pipefail

: "${HOST:?the name under which the team comes in, such as mlflow.example.org}"
: "${DATABASE:?postgresql+psycopg://user:password@host/mlflow, as the provider of PostgreSQL says}"
: "${BUCKET:?s3://name}"
: "${AWS_DEFAULT_REGION:?where the bucket is; with no keys below, the machine needs a role that may read and write it}"
: "${ADMIN_PASSWORD:?twelve characters or more}"
: "${SESSION_SECRET:?long and random, for instance: openssl rand -hex 32}"

apt-get update
apt-get install --yes python3-venv caddy
id mlflow >/dev/null 2>&1 || useradd --system --create-home --home-dir /opt/mlflow mlflow
python3 -m venv /opt/mlflow/environment
/opt/mlflow/environment/bin/pip install "mlflow[auth]>=3.14,<4" "psycopg[binary]>=3.2" "boto3>=1.35"

install --directory --mode 750 --group mlflow /etc/mlflow
umask 027
cat >/etc/mlflow/accounts.ini <<INI
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = ${DATABASE//%/%%}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
INI
cat >/etc/mlflow/environment <<VARIABLES
MLFLOW_BACKEND_STORE_URI=${DATABASE}
MLFLOW_ARTIFACTS_DESTINATION=${BUCKET}
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION}
AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-}
AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-}
MLFLOW_SERVER_ALLOWED_HOSTS=${HOST},localhost:5000
MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
MLFLOW_DISABLE_TELEMETRY=true
MLFLOW_AUTH_CONFIG_PATH=/etc/mlflow/accounts.ini
MLFLOW_AUTH_ADMIN_PASSWORD=${ADMIN_PASSWORD}
MLFLOW_FLASK_SERVER_SECRET_KEY=${SESSION_SECRET}
VARIABLES
[ -n "${AWS_ACCESS_KEY_ID:-}" ] || sed --in-place '/^AWS_.*_KEY/d' /etc/mlflow/environment
chgrp mlflow /etc/mlflow/accounts.ini /etc/mlflow/environment
umask 022

cat >/etc/systemd/system/mlflow.service <<'UNIT'
[Unit]
Description=MLflow's tracking server
After=network-online.target
Wants=network-online.target

[Service]
User=mlflow
WorkingDirectory=/opt/mlflow
Environment=PATH=/opt/mlflow/environment/bin:/usr/bin:/bin
EnvironmentFile=/etc/mlflow/environment
ExecStart=/opt/mlflow/environment/bin/python -m mlflow server --host 127.0.0.1 --port 5000 --workers 2 --app-name basic-auth
Restart=on-failure
ProtectSystem=strict
ReadWritePaths=/opt/mlflow
PrivateTmp=true
NoNewPrivileges=true

[Install]
WantedBy=multi-user.target
UNIT
cat >/etc/caddy/Caddyfile <<CADDY
${HOST} {
    reverse_proxy 127.0.0.1:5000
}
CADDY

systemctl daemon-reload
systemctl enable --now mlflow
systemctl restart caddy
echo "In a minute: https://${HOST}/health says OK. The first account is admin; make the others in its name."
