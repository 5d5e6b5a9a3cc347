#!/bin/sh
# The first process of the machine that tools/vm.sh boots. Each thing tried is a line `ok NAME` or `not ok NAME`.
export PATH=/bin
if [ "$1" != moved ]; then # pivot_root, which zygotes need, does not work on the kernel's own root
    mount -t tmpfs none /new
    busybox cp -a /bin /dev /etc /init /lib /lib64 /mayfly /proc /sys /tmp /usr /new/ 2>/dev/null
    exec busybox switch_root /new /init moved
fi
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
export MAYFLY_CELL=/mayfly/build/mayfly-cell
busybox ip link set lo up
cd /mayfly

check() { # check NAME COMMAND...
    name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}
has() { grep -q -- "$1" "$2"; }

check "vm: the processor has protection keys" grep -q ' ospke' /proc/cpuinfo
build/tests/test_pkey
MAYFLY_CELL=/mayfly/build/tests/escape-cell build/tests/test_escape control_state
for act in read_counter fine_clock_of_vdso; do # and rdtsc can be trapped there
    MAYFLY_CELL=/mayfly/build/tests/escape-cell build/tests/test_escape $act
done
build/mayfly doctor >/tmp/doctor
check "vm: doctor finds the key" grep -qE 'protection key +yes' /tmp/doctor
grep -E 'missing|group' /tmp/doctor | while read -r line; do echo "# doctor: $line"; done

echo '[1, 2].map((n) => n * 21)[1]' >/tmp/a.js
check "vm: a worker under the key" sh -c 'test "$(build/mayfly run /tmp/a.js --require-confinement protection-key,syscall-filter,empty-root)" = 42'
check "vm: without JIT, too" sh -c 'test "$(build/mayfly run /tmp/a.js --no-jit --require-confinement protection-key)" = 42'

# cgroup v2: the first process is in the root group, as in a container.
build/mayfly serve host.js --listen 127.0.0.1:8787 --health /health --cells-mb 500 --cells-max 200 --pool 1 --grants 1 >/tmp/log 2>&1 &
server=$!
for i in $(busybox seq 200); do
    grep -q listens /tmp/log && break
    sleep 1
done
group=$(ls -d /sys/fs/cgroup/mayfly-* 2>/dev/null)
check "vm: a group of version 2" test -n "$group"
check "vm: its memory" has '^524288000$' "$group/memory.max"
check "vm: its processes" has '^200$' "$group/pids.max"
check "vm: zygote and cells are in it" test "$(busybox wc -l <"$group/cgroup.procs")" -ge 3
check "vm: health knows" sh -c 'wget -q -O - http://127.0.0.1:8787/health | grep -q "\"controlGroup\":true"'
check "vm: an answer" sh -c 'test "$(wget -q -O - http://127.0.0.1:8787/)" = answer'
check "vm: a limit under the key" sh -c 'wget -q -O - http://127.0.0.1:8787/spin | grep -q "limits.cpuMs is 100"'
kill -INT $server
wait $server
check "vm: the server ends" test $? -eq 0
check "vm: and its group with it" test ! -d "$group"
grep -v '^$' /tmp/log | while read -r line; do echo "# $line"; done
echo "# the end"
poweroff -f
