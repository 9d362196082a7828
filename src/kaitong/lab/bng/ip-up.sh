#!/bin/sh
# A session is up: the rates of the RADIUS answer are put on its interface, and it is written down.
# pppd calls with INTERFACE TTY SPEED LOCAL REMOTE; PEERNAME is the account.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
answer=/var/run/radattr.$1
down=$(awk '$1 == "WISPr-Bandwidth-Max-Down" { print $2 }' "$answer" 2>/dev/null)
up=$(awk '$1 == "WISPr-Bandwidth-Max-Up" { print $2 }' "$answer" 2>/dev/null)
sh "@FOLDER@/conf/shape.sh" "$1" "$down" "$up"
printf '%s\n' "$PEERNAME" "$1" "$(cat "/var/run/$1.pid")" "$5" "$down" "$up" > "/run/kaitong/.session.$1"
mv "/run/kaitong/.session.$1" "/run/kaitong/session.$1"
