#!/bin/sh
# First process of the access server's own kernel (user-mode Linux). Its root is this machine's file
# system, read-only; it writes to memory and to the lab's folder.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs tmp /run
[ -L /var/run ] || mount -t tmpfs tmp /var/run
mkdir -p /run/lock /run/netns /run/kaitong
mount -t hostfs -o "@FOLDER@" none "@FOLDER@"
mount --bind "@FOLDER@/conf/hosts" /etc/hosts
hostname bng
ip link set lo up
for module in ppp_generic ppp_async ppp_synctty pppoe veth sch_tbf act_police cls_matchall sch_ingress; do
	modprobe -d "@FOLDER@/modules" $module || echo "no kernel module $module"
done
export TMPDIR=/run PYTHONPATH="@SOURCE@" PYTHONDONTWRITEBYTECODE=1
"@PYTHON@" -m kaitong.lab.bng.agent "@FOLDER@"
echo "the agent ended"
exec /usr/bin/busybox poweroff -f
