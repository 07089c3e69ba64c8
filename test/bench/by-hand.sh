#!/bin/bash
# The yardstick of `scripts/bench up`: the same topology (one control plane, one worker) from the same binaries and the same
# base image, started by hand by somebody who knows every step. Default etcd durability; keys are made in the timed run.
#   by-hand.sh IMAGE TREE SCRATCH [1]     the control plane alone, without DNS, if 1 is given; prints `phase NAME SECONDS` lines, then `total SECONDS`; cleans up after itself
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
image=$(readlink -f "$1") tree=$(readlink -f "$2") scratch=$3 nodes=${4:-2}
net=10.79.0 bridge=ctbyhand0 group=cantrip-by-hand
mkdir -p "$scratch" && cd "$scratch"
declare -A leader kept

now() { echo "$EPOCHREALTIME"; }
between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b - a }'; }
began=$(now) last=$began
phase() { local t; t=$(now); echo "phase $1 $(between "$last" "$t")"; last=$t; }

clean() {
  set +e
  # All that was started below here, whatever became of its parents.
  for _ in 1 2 3; do
    find /sys/fs/cgroup/pids/$group -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -9 2>/dev/null
    sleep 0.3
  done
  for n in n1 n2; do umount -R "$scratch/$n/root" 2>/dev/null || umount -Rl "$scratch/$n/root" 2>/dev/null; done
  # A group is busy until the kernel has done away with the last of its processes.
  for _ in $(seq 50); do
    find /sys/fs/cgroup -depth -type d \( -name $group -o -path "*/$group/*" \) -exec rmdir {} + 2>/dev/null
    [ -z "$(find /sys/fs/cgroup -type d -name $group)" ] && break
    sleep 0.1
  done
  ip link del $bridge 2>/dev/null
  for key in "${!kept[@]}"; do sysctl -qw "$key=${kept[$key]}"; done
  cd / && rm -rf "$scratch"
}
trap clean EXIT

# ---- machines -------------------------------------------------------------------------------------------------------
ip link add $bridge type bridge && ip addr add $net.1/24 dev $bridge && ip link set $bridge up
# What is set here, and what kubelets set on the host, goes back at the end.
for key in net.ipv4.ip_forward fs.inotify.max_user_instances vm.overcommit_memory kernel.panic kernel.panic_on_oops; do kept[$key]=$(sysctl -n $key); done
sysctl -qw net.ipv4.ip_forward=1
[ "${kept[fs.inotify.max_user_instances]}" -ge 1024 ] || sysctl -qw fs.inotify.max_user_instances=1024

machine() {
  local n=$1 c
  mkdir -p $n/{up,work,root,containerd}
  mount -t overlay overlay -o lowerdir="$image",upperdir=$n/up,workdir=$n/work $n/root
  mkdir -p $n/root/etc/pki
  echo $n >$n/root/etc/hostname
  rm -f $n/root/etc/machine-id && systemd-id128 new >$n/root/etc/machine-id
  (
    for c in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
      [ -d /sys/fs/cgroup/$c ] || continue
      mkdir -p /sys/fs/cgroup/$c/$group/$n
      if [ $c = cpuset ]; then
        for d in $group $group/$n; do
          cat /sys/fs/cgroup/cpuset/cpuset.cpus >/sys/fs/cgroup/cpuset/$d/cpuset.cpus
          cat /sys/fs/cgroup/cpuset/cpuset.mems >/sys/fs/cgroup/cpuset/$d/cpuset.mems
        done
      fi
      echo $BASHPID >/sys/fs/cgroup/$c/$group/$n/cgroup.procs
    done
    SYSTEMD_SECCOMP=0 exec systemd-nspawn --register=no --keep-unit --boot --directory=$n/root --machine=by-hand-$n --hostname=$n --network-bridge=$bridge \
      --capability=all --bind="$scratch/$n/containerd:/var/lib/containerd" --bind-ro="$tree:/opt/k8s" --bind=/dev/kmsg \
      </dev/null >$n/console.log 2>&1
  ) &
  echo $! >$n.pid
}
within() { # NAME CMD…: inside the machine, in its cgroups
  local n=$1 c; shift
  ( for c in /sys/fs/cgroup/*/$group/$n; do echo $BASHPID >"$c/cgroup.procs"; done 2>/dev/null
    exec nsenter -t "${leader[$n]}" -a "$@" )
}
booted() {
  local n=$1
  for _ in $(seq 400); do
    leader[$n]=$(pgrep -P "$(cat $n.pid)" | head -1) || true
    if [ -n "${leader[$n]}" ] && within $n systemctl is-active -q multi-user.target 2>/dev/null; then
      within $n sh -c "ip addr add $net.1${n#n}/24 dev host0; ip link set host0 up; ip route add default via $net.1" && return
    fi
    sleep 0.05
  done
  echo "machine $n did not boot in 20 s" >&2; tail -5 $n/console.log >&2; exit 1
}
for i in $(seq "$nodes"); do machine n$i; done

# ---- keys, while the machines boot ----------------------------------------------------------------------------------
mkdir pki && cd pki
ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.crt -days 3650 -subj "/CN=$1" 2>/dev/null; }
crt() { # NAME SUBJECT SAN CA
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj "$2" 2>/dev/null
  openssl x509 -req -in $1.csr -CA ${4:-ca}.crt -CAkey ${4:-ca}.key -set_serial $RANDOM$RANDOM -days 365 -out $1.crt \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=clientAuth,serverAuth\n' "${3:-DNS:localhost}") 2>/dev/null
}
conf() { cat >$1.conf <<X
{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
"clusters":[{"name":"k","cluster":{"server":"https://$net.11:6443","certificate-authority":"/etc/pki/ca.crt"}}],
"users":[{"name":"u","user":{"client-certificate":"/etc/pki/$1.crt","client-key":"/etc/pki/$1.key"}}]}
X
}
ca ca; ca front
crt apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:10.152.183.1,IP:$net.11"
crt etcd /CN=etcd "DNS:localhost,IP:127.0.0.1"
crt frontc /CN=front-proxy-client "" front
crt kubelet-client /O=system:masters/CN=apiserver-kubelet-client
crt admin /O=system:masters/CN=admin
crt kcm /CN=system:kube-controller-manager
crt sched /CN=system:kube-scheduler
crt proxy /CN=system:kube-proxy
for i in 1 2; do crt n$i /O=system:nodes/CN=system:node:n$i "DNS:n$i,IP:$net.1$i"; done
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out sa.key 2>/dev/null
openssl pkey -in sa.key -pubout -out sa.pub
for u in admin kcm sched proxy n1 n2; do conf $u; done
cd ..
phase keys
for i in $(seq "$nodes"); do booted n$i; done
cp pki/* n1/root/etc/pki/; [ "$nodes" = 1 ] || cp pki/{ca.crt,proxy.*,n2.*} n2/root/etc/pki/
phase machines

# ---- control plane --------------------------------------------------------------------------------------------------
unit() { # MACHINE NAME CMD…
  local n=$1 u=$2; shift 2
  printf '[Service]\nExecStart=%s\nRestart=always\nRestartSec=1\nDelegate=yes\nKillMode=process\nLimitNOFILE=1048576\nEnvironment=PATH=/opt/k8s/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' "$*" >$n/root/etc/systemd/system/$u.service
}
unit n1 etcd /opt/k8s/bin/etcd --data-dir=/var/lib/etcd --cert-file=/etc/pki/etcd.crt --key-file=/etc/pki/etcd.key --client-cert-auth --trusted-ca-file=/etc/pki/ca.crt --listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379
unit n1 apiserver /opt/k8s/bin/kube-apiserver --etcd-servers=https://127.0.0.1:2379 --etcd-cafile=/etc/pki/ca.crt --etcd-certfile=/etc/pki/etcd.crt --etcd-keyfile=/etc/pki/etcd.key --client-ca-file=/etc/pki/ca.crt --tls-cert-file=/etc/pki/apiserver.crt --tls-private-key-file=/etc/pki/apiserver.key --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=/etc/pki/sa.pub --service-account-signing-key-file=/etc/pki/sa.key --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --service-cluster-ip-range=10.152.183.0/24 --kubelet-client-certificate=/etc/pki/kubelet-client.crt --kubelet-client-key=/etc/pki/kubelet-client.key --kubelet-preferred-address-types=InternalIP --requestheader-client-ca-file=/etc/pki/front.crt --requestheader-allowed-names=front-proxy-client --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file=/etc/pki/frontc.crt --proxy-client-key-file=/etc/pki/frontc.key --allow-privileged --advertise-address=$net.11
unit n1 kcm /opt/k8s/bin/kube-controller-manager --kubeconfig=/etc/pki/kcm.conf --service-account-private-key-file=/etc/pki/sa.key --root-ca-file=/etc/pki/ca.crt --use-service-account-credentials --cluster-signing-cert-file=/etc/pki/ca.crt --cluster-signing-key-file=/etc/pki/ca.key --allocate-node-cidrs --cluster-cidr=10.1.0.0/16
unit n1 sched /opt/k8s/bin/kube-scheduler --kubeconfig=/etc/pki/sched.conf

# ---- nodes ----------------------------------------------------------------------------------------------------------
pause=$(sed -n 's/.*"ref": *"\([^"]*pause[^"]*\)".*/\1/p' "$tree/manifest.json" | head -1)
coredns=$(sed -n 's/.*"ref": *"\([^"]*coredns[^"]*\)".*/\1/p' "$tree/manifest.json" | head -1)
for i in $(seq "$nodes"); do
  r=n$i/root
  mkdir -p $r/etc/containerd $r/etc/cni/net.d $r/var/lib/kubelet
  cat >$r/etc/containerd/config.toml <<X
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '$pause'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/opt/k8s/cni']
  conf_dir = '/etc/cni/net.d'
X
  cat >$r/var/lib/kubelet/config.yaml <<X
{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","failCgroupV1":false,"failSwapOn":false,"cgroupDriver":"cgroupfs",
"authentication":{"x509":{"clientCAFile":"/etc/pki/ca.crt"},"webhook":{"enabled":true}},"authorization":{"mode":"Webhook"},"clusterDNS":["10.152.183.10"],"clusterDomain":"cluster.local",
"tlsCertFile":"/etc/pki/n$i.crt","tlsPrivateKeyFile":"/etc/pki/n$i.key","containerRuntimeEndpoint":"unix:///run/containerd/containerd.sock"}
X
  cat >$r/etc/kube-proxy.yaml <<X
{"apiVersion":"kubeproxy.config.k8s.io/v1alpha1","kind":"KubeProxyConfiguration","clientConnection":{"kubeconfig":"/etc/pki/proxy.conf"},"clusterCIDR":"10.1.0.0/16","mode":"nftables","conntrack":{"maxPerCore":0}}
X
  unit n$i containerd /opt/k8s/bin/containerd
  unit n$i kubelet /opt/k8s/bin/kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/pki/n$i.conf --node-ip=$net.1$i --hostname-override=n$i
  unit n$i kube-proxy /opt/k8s/bin/kube-proxy --config=/etc/kube-proxy.yaml --hostname-override=n$i
  within n$i sh -c 'mount -o remount,rw,bind /proc/sys 2>/dev/null; for c in cpu cpuacct cpuset memory devices freezer blkio pids; do mount -o remount,rw,bind /sys/fs/cgroup/$c 2>/dev/null; done; sysctl -qw net.ipv4.ip_forward=1; systemctl daemon-reload'
done
within n1 systemctl start --no-block etcd apiserver kcm sched containerd kubelet kube-proxy
[ "$nodes" = 1 ] || within n2 systemctl start --no-block containerd kubelet kube-proxy
images() { for _ in $(seq 100); do within $1 /opt/k8s/bin/ctr version >/dev/null 2>&1 && break; sleep 0.05; done
  for t in pause coredns; do within $1 /opt/k8s/bin/ctr -n k8s.io images import /opt/k8s/images/$t.tar >/dev/null 2>&1; done; }
for i in $(seq "$nodes"); do images n$i & done; wait $(jobs -p | tail -n "$nodes")
kubectl() { within n1 /opt/k8s/bin/kubectl --kubeconfig=/etc/pki/admin.conf "$@"; }
for _ in $(seq 600); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.05; done
phase api-server

cat >n1/root/root/dns.yaml <<X
{"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"coredns","namespace":"kube-system"}},
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"coredns"},"rules":[{"apiGroups":[""],"resources":["endpoints","services","pods","namespaces"],"verbs":["list","watch"]},{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list","watch"]}]},
{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"coredns"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"coredns"},"subjects":[{"kind":"ServiceAccount","name":"coredns","namespace":"kube-system"}]},
{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"coredns","namespace":"kube-system"},"data":{"Corefile":".:53 {\n errors\n health\n ready\n kubernetes cluster.local\n cache 30\n}\n"}},
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"coredns","namespace":"kube-system"},"spec":{"replicas":1,"selector":{"matchLabels":{"k8s-app":"coredns"}},"template":{"metadata":{"labels":{"k8s-app":"coredns"}},"spec":{"serviceAccountName":"coredns","dnsPolicy":"Default","containers":[{"name":"coredns","image":"$coredns","imagePullPolicy":"Never","args":["-conf","/etc/coredns/Corefile"],"volumeMounts":[{"name":"c","mountPath":"/etc/coredns"}],"readinessProbe":{"httpGet":{"path":"/ready","port":8181},"periodSeconds":1}}],"volumes":[{"name":"c","configMap":{"name":"coredns"}}]}}}},
{"apiVersion":"v1","kind":"Service","metadata":{"name":"coredns","namespace":"kube-system"},"spec":{"clusterIP":"10.152.183.10","selector":{"k8s-app":"coredns"},"ports":[{"name":"dns","port":53,"protocol":"UDP"},{"name":"dns-tcp","port":53,"protocol":"TCP"}]}}]}
X
[ "$nodes" = 1 ] || for _ in $(seq 200); do kubectl apply -f /root/dns.yaml >/dev/null 2>&1 && break; sleep 0.05; done
# The CNI configuration and the routes need each node's pod range.
for i in $(seq "$nodes"); do
  for _ in $(seq 600); do cidr=$(kubectl get node n$i -o 'jsonpath={.spec.podCIDR}' 2>/dev/null) && [ -n "$cidr" ] && break; sleep 0.05; done
  echo '{"cniVersion":"1.0.0","name":"k","plugins":[{"type":"ptp","ipMasq":false,"ipam":{"type":"host-local","ranges":[[{"subnet":"'$cidr'"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}' >n$i/root/etc/cni/net.d/10-k.conflist
  [ "$nodes" = 1 ] && continue
  other=$((3 - i)); within n$other ip route replace "$cidr" via $net.1$i
done
for _ in $(seq 600); do [ "$(kubectl get nodes -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}' 2>/dev/null)" = "$(printf 'True %.0s' $(seq "$nodes"))" ] && break; sleep 0.05; done
phase nodes-ready
[ "$nodes" = 1 ] && exit
cp "$here/dns-probe.py" n1/root/root/
within n1 python3 /root/dns-probe.py 10.152.183.10 kubernetes.default.svc.cluster.local 60
phase dns
echo "total $(between "$began" "$(now)")"
