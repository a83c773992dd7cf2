#!/usr/bin/env bash
# Checks the alerts for Prometheus: their form, what they notice, and the form of the dashboard's expressions.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool check rules packaging/prometheus/alerts.yml
promtool test rules packaging/prometheus/alerts.test.yml

# promtool reads expressions in rules alone, and no variables of Grafana's.
rules=$(mktemp)
trap 'rm -f "$rules"' EXIT
python3 - packaging/grafana/sibyl.json >"$rules" <<'PYTHON'
import json, sys

panels = json.load(open(sys.argv[1]))["panels"]
rules = [
    {"record": f"panel:{panel['id']}:{target['refId']}", "expr": target["expr"].replace("$instance", ".*")}
    for panel in panels
    for target in panel.get("targets", [])
]
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
promtool check rules "$rules"
