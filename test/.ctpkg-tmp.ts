import { openMachines } from "@cantrip/machines";
import { buildPackage } from "@cantrip/node-package";
const cacheDir="/var/cache/cantrip";
const made = await buildPackage({cacheDir});
const tree=`/opt/cantrip/packages/${made.manifestDigest}`;
const m = openMachines({ id: "ct-pkg", bridge: "ctpkg0", subnet: "10.78.2.0/24", stateDir: "/tmp/ct-pkg-state", cacheDir });
const sh = async (c: string) => { const t=performance.now(); const r = await m.exec("n1", ["sh","-c",c], {timeoutMs:180_000}); console.log(`$ ${c.slice(0,200)} [${r.exitCode}] ${Math.round(performance.now()-t)}ms\n${r.stdout}${r.stderr}`); };
try {
  await m.prepare();
  await m.create({ name: "n1", binds: [{source: made.treeDir, target: tree, readOnly: true}] });
  await m.start("n1"); await m.waitBooted("n1",{timeoutMs:60000});
  await sh(`${tree}/install`);
  await sh(`k8s bootstrap --timeout 3m`);
  await sh(`k8s status`);
  await sh(`for i in $(seq 60); do k8s kubectl get pods -A 2>/dev/null | grep -q '1/1' && break; sleep 1; done; k8s kubectl get nodes,pods -A -o wide`);
  await sh(`ls /run/netns; nft list tables; ip route; ls -d /sys/fs/cgroup/*/kubepods*; cut -d' ' -f5 /proc/self/mountinfo | grep -E 'kubelet|containerd|snap'; pgrep -a . | cut -c1-100 | tail -30; ps -o rss,pss,args -C node,k8s-apiserver-proxy | cut -c1-150`);
  await sh(`time ${tree}/remove`);
  await sh(`ls /run/netns; nft list tables; ip route; ip -br link; ls -d /sys/fs/cgroup/*/kubepods*; cut -d' ' -f5 /proc/self/mountinfo | grep -E 'kubelet|containerd|snap|netns'; ps ax -o pid,args | cut -c1-120; ls -lad /opt/* /var/snap /etc/kubernetes /etc/cni* /var/lib/kubelet/* /var/lib/containerd/* /run/containerd /etc/containerd /var/log/pods /run/cantrip/* /etc/systemd/system/snap* /etc/systemd/system/*.wants/snap* /etc/sysctl.d/*; systemctl --failed`);
  await sh(`${tree}/install && k8s bootstrap --timeout 3m && k8s status`);
} finally { await m.cleanup(); await m.restore(); }
