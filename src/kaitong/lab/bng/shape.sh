#!/bin/sh
# The rates of one session, in bit/s: what goes to the customer is shaped, what comes is policed.
# shape.sh INTERFACE DOWN UP; an empty or zero rate is no limit.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ "${2:-0}" -gt 0 ]; then
	tc qdisc replace dev "$1" root tbf rate "${2}bit" burst 32k latency 100ms || exit 1
else
	tc qdisc del dev "$1" root 2>/dev/null
fi
tc qdisc del dev "$1" ingress 2>/dev/null
if [ "${3:-0}" -gt 0 ]; then
	tc qdisc add dev "$1" ingress || exit 1
	tc filter add dev "$1" parent ffff: matchall action police rate "${3}bit" burst 64k conform-exceed drop || exit 1
fi
exit 0
