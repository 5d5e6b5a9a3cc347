#!/bin/bash
# make vm: what this machine may not have, tried on an emulated one: a processor with protection keys, a kernel with nothing
# but cgroup v2. Boots Debian's kernel with the binaries that were built, and prints what its tests print. Needs
# qemu-system-x86 and apt's archives; takes some minutes, since every instruction is emulated.
set -eu
cd "$(dirname "$0")/.."
command -v qemu-system-x86_64 >/dev/null || { echo "make vm needs qemu-system-x86: apt-get install qemu-system-x86" >&2; exit 2; }

vm=$PWD/build/vm
mkdir -p "$vm/packages"
fetch() { # fetch PACKAGE: unpacks it into $vm/packages
    local dir
    dir=$(mktemp -d)
    (cd "$dir" && apt-get download -q "$1" >/dev/null 2>&1 && dpkg-deb -x ./*.deb "$vm/packages")
    rm -r "$dir"
}
if ! ls "$vm"/packages/boot/vmlinuz-* >/dev/null 2>&1; then
    fetch "$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ {print $2; exit}')"
    fetch busybox-static
fi

# The root: busybox, mayfly, and the libraries of both binaries where their loader looks for them.
root=$vm/root
rm -rf "$root"
mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc,new,mayfly/build/tests,mayfly/tests}
cp "$vm"/packages/bin/busybox "$root/bin/" 2>/dev/null || cp "$vm"/packages/usr/bin/busybox "$root/bin/"
for name in sh mount ls cat grep sleep kill wget mkdir poweroff; do ln -s busybox "$root/bin/$name"; done
binaries="build/mayfly build/mayfly-cell build/mayfly-egress build/tests/test_pkey build/tests/test_escape build/tests/escape-cell"
for binary in $binaries; do cp "$binary" "$root/mayfly/$binary"; done
ldd $binaries | grep -oE '/[^ :)]+' | grep -E '^/(lib|usr/lib|lib64)' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
cp tools/vm-init.sh "$root/init"
cat >"$root/mayfly/host.js" <<'EOF'
const code = (source) => ({ compatibilityDate: "2026-01-01", mainModule: "m.js", modules: { "m.js": source }, globalOutbound: null });
export default {
    async fetch(request, env) {
        if (new URL(request.url).pathname === "/spin") {
            const spin = env.LOADER.load({ ...code("export default { fetch() { for (;;); } };"), limits: { cpuMs: 100 } });
            return new Response(await spin.getEntrypoint().fetch(request).then(String, (error) => error.message));
        }
        return env.LOADER.load(code("export default { fetch() { return new Response('answer'); } };")).getEntrypoint().fetch(request);
    },
};
EOF
(cd "$root" && find . | cpio -o -H newc --quiet) >"$vm/initrd"

timeout 580 qemu-system-x86_64 -cpu max -smp 1 -m 1500 -nographic -no-reboot -kernel "$(ls "$vm"/packages/boot/vmlinuz-* | head -n 1)" \
    -initrd "$vm/initrd" -append "console=ttyS0 panic=-1 quiet rdinit=/init systemd.unified_cgroup_hierarchy=1" </dev/null | stdbuf -o0 tr -d '\r' |
    tee "$vm/out" | sed "s/^.*\x1b\[[0-9?]*[a-zA-Z]//" | grep -E "^(ok|not ok|#)"
! grep -q '^not ok' "$vm/out" && grep -q '^# the end$' "$vm/out"
