# shellcheck shell=bash
# What up, down and fault share: where the cluster is, its ports, and how its processes are started
# and found. They read it; it is no command.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
set -euo pipefail

die() {
	echo "cluster: $*" >&2
	exit 1
}

# in_folder DIR: the cluster of this folder. A folder that somebody else has made is none: its options
# are run by the shell.
in_folder() {
	dir=$(realpath -m -- "${1:-${TMPDIR:-/tmp}/restante-cluster}")
	case $dir in
	*[!A-Za-z0-9/._-]*) die "$dir: letters, digits and . _ - only, please: the path goes into configuration files" ;;
	esac
	[ ${#dir} -le 80 ] || die "$dir is too long: sockets lie in it, whose paths end at 107 octets"
	[ ! -e "$dir" ] || [ -O "$dir" ] || die "$dir belongs to somebody else"
	base=${RESTANTE_CLUSTER_PORTS:-21000} direct= cells=1 nodes=3
	[[ $base =~ ^[1-9][0-9]{3,4}$ && $base -le 65000 ]] || die "RESTANTE_CLUSTER_PORTS is a number from 1000 to 65000, not $base"
	# shellcheck source=/dev/null
	if [ -e "$dir/options" ]; then . "$dir/options"; fi
	use_ports
}

# started: there is a cluster in the folder, or the rest of one.
started() { [ -e "$dir/options" ]; }

# use_ports names the ports: member N of a kind has the kind's number plus N. All are below 32768, where
# Linux begins to give ports to outgoing connections, so that none is taken by chance.
use_ports() {
	imap=$base imaps=$((base + 10)) lmtp=$((base + 20)) http=$((base + 30))
	pg=$((base + 40)) patroni=$((base + 50)) etcd=$((base + 60)) etcd_peer=$((base + 70))
	nats=$((base + 80)) nats_route=$((base + 90))
	s3=$((base + 100)) rgw=$((base + 101)) mon=$((base + 102)) mon_v1=$((base + 103))
	osd_first=$((base + 110)) osd_last=$((base + 199))
	cell2=$((pg + 4))   # the PostgreSQL of the second cell
	via=$((base + 200)) # node N reaches PostgreSQL M at via + 10N + M
}

# run NAME COMMAND...: starts a process of the cluster; what it says goes to logs/NAME.log.
run() {
	local name=$1
	shift
	RESTANTE_CLUSTER_DIR=$dir RESTANTE_CLUSTER_MEMBER=$dir/$name \
		setsid "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null &
}

# pids [NAME]: the processes of a member, or of the whole cluster. They are known by their environment,
# which children inherit, so that no process is taken for one that has ended. PostgreSQL's children
# write over theirs, and are known by program and folder. In a container root may look at its own
# processes only; hence the second look, as the user that PostgreSQL runs as.
pids() {
	local look='
		grep -lszxF -e "$1" /proc/[0-9]*/environ | cut -d/ -f3
		find /proc/[0-9]*/cwd -maxdepth 0 -lname "$2" | while IFS=/ read -r _ _ pid _; do
			case $(readlink "/proc/$pid/exe") in */postgres) echo "$pid" ;; esac
		done'
	local what=RESTANTE_CLUSTER_DIR=$dir folder="$dir/*"
	[ $# -eq 0 ] || what=RESTANTE_CLUSTER_MEMBER=$dir/$1 folder="$dir/$1/*"
	{
		bash -c "$look" look "$what" "$folder"
		[ ${#as_postgres[@]} -eq 0 ] || "${as_postgres[@]}" bash -c "$look" look "$what" "$folder"
	} 2>/dev/null | sort -un || true
}

# signal SIGNAL NAME: sends it to all processes of a member.
signal() {
	local found
	found=$(pids "$2")
	[ -n "$found" ] || die "$2 does not run"
	# shellcheck disable=SC2086
	kill "-$1" $found 2>/dev/null || true
}

runs() { [ -n "$(pids "$1")" ]; }
ended() { ! runs "$1"; }

# as_postgres comes before a command: root runs PostgreSQL as its own user, because it refuses to run as
# root; everybody else as themselves.
as_postgres=()
[ "$(id -u)" -ne 0 ] || as_postgres=(setpriv --reuid postgres --regid postgres --init-groups)

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null; do
		[ "$SECONDS" -lt "$end" ] || die "$what: not there in time; what has happened is in $dir/logs"
		sleep 0.2
	done
}

# answers PORT: somebody speaks HTTP there.
answers() { curl -s -m 2 -o /dev/null "http://127.0.0.1:$1/"; }

# listens PORT: somebody takes connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_postgres() { (cd "$dir/pg$1" && run "pg$1" "${as_postgres[@]}" patroni patroni.yml); }
start_osd() { run "osd$1" ceph-osd -f -i "$1" -c "$dir/ceph.conf"; }
start_rgw() { run rgw radosgw -f -n client.rgw -c "$dir/ceph.conf"; }
start_nats() {
	run "nats$1" nats-server -a 127.0.0.1 -p $((nats + $1)) --cluster_name restante \
		--cluster "nats://127.0.0.1:$((nats_route + $1))" \
		--routes "$(three nats://127.0.0.1: $nats_route)"
}

# three PREFIX PORTS: the three addresses of a kind, with commas between.
three() { echo "$1$(($2 + 1)),$1$(($2 + 2)),$1$(($2 + 3))"; }

# store CELL [NODE], blobs CELL [NODE]: what a node is given; without a node, past the proxy.
store() {
	local ports=$pg hosts
	[ $# -eq 1 ] || [ -n "$direct" ] || ports=$((via + 10 * $2))
	hosts=$(three 127.0.0.1: "$ports")
	[ "$1" -eq 1 ] || hosts=127.0.0.1:$((ports + 4))
	echo "postgres://restante:restante@$hosts/restante?target_session_attrs=read-write&connect_timeout=2"
}
blobs() {
	local port=$rgw
	[ $# -eq 1 ] || [ -n "$direct" ] || port=$s3
	echo "s3://$(bucket "$1")?endpoint=http://127.0.0.1:$port"
}

# bucket CELL: where its bodies are.
bucket() { if [ "$1" -eq 1 ]; then echo mail; else echo "mail$1"; fi; }

# start_node N [PROGRAM]: its mail is named by flags, and two cells by a configuration file.
start_node() {
	local i servers mail program=${2:-restante}
	servers=$(three nats://127.0.0.1: $nats)
	mail=(--store "$(store 1 "$1")" --blobs "$(blobs 1 "$1")" --nats "$servers")
	if [ "$cells" -gt 1 ]; then
		mail=(--config "$dir/node$1.toml")
		for ((i = 1; i <= cells; i++)); do
			printf '[[server.cells]]\nname = "cell%s"\nstore = "%s"\nblobs = "%s"\nnats = "%s"\n\n' \
				"$i" "$(store "$i" "$1")" "$(blobs "$i" "$1")" "$servers"
		done >"$dir/node$1.toml"
	fi
	AWS_ACCESS_KEY_ID=restante AWS_SECRET_ACCESS_KEY=restantesecret \
		run "node$1" "$dir/bin/$program" serve --data "$dir/node$1" "${mail[@]}" \
		--imap "127.0.0.1:$((imap + $1))" --imaps "127.0.0.1:$((imaps + $1))" \
		--lmtp "127.0.0.1:$((lmtp + $1))" --http "127.0.0.1:$((http + $1))"
}

# node_up N: it takes connections, or has said why not.
node_up() {
	runs "node$1" || die "node $1 has ended: $(tail -n 3 "$dir/logs/node$1.log")"
	listens $((imap + $1))
}

# build_jumping builds a node whose clock is right for ten seconds, since one that is wrong at the start
# is refused, and then changed every five seconds: by hours, days and years, forward and back. The Go
# library is given another time.Now; the monotonic clock goes on, as Linux's does. It is a node of the same
# source as the others: one that is newer changes the database, and they refuse to start after that.
build_jumping() {
	local now changed=$dir/bin/time.go
	[ ! -e "$dir/bin/jumping" ] || return 0
	(cd "$here/.." && go build -buildvcs=false -o "$dir/bin/same" ./cmd/restante)
	cmp -s "$dir/bin/same" "$dir/bin/restante" ||
		die "the program has changed since the cluster was started: stop it, and start it anew"
	rm "$dir/bin/same"
	now=$(go env GOROOT)/src/time/time.go
	awk '{ print } /^\tsec, nsec, mono := runtimeNow\(\)$/ && inside {
			print "\tsec += [...]int64{0, 0, 3600, -86400, 60, 315360000, -7200, 0, -315360000}[(mono-startNano)/5e9%9]"
		}
		{ inside = /^func Now\(\)/ || inside && !/^}/ }' "$now" >"$changed"
	! cmp -s "$now" "$changed" || die "this Go has another time.Now: cluster.sh does not know how to make it jump"
	printf '{"Replace": {"%s": "%s"}}\n' "$now" "$changed" >"$dir/bin/overlay.json"
	(cd "$here/.." && go build -buildvcs=false -overlay "$dir/bin/overlay.json" -o "$dir/bin/jumping" ./cmd/restante)
}

# members: a line for each PostgreSQL that is known: name, role, state, timeline.
members() {
	local i
	for i in 1 2 3; do
		curl -sf -m 2 "http://127.0.0.1:$((patroni + i))/cluster" && break
	done | python3 -c '
import json, sys
for m in json.load(sys.stdin)["members"]:
    print(m["name"], m["role"], m["state"], "timeline", m.get("timeline", "?"))' 2>/dev/null
}

# with_role ROLE: the name of the PostgreSQL that is leader or sync_standby, if there is one.
with_role() { members | while read -r name role _; do if [ "$role" = "$1" ]; then echo "$name"; fi; done; }

# replicated: there is a leader, and a standby that confirms its commits.
replicated() { [ -n "$(with_role leader)" ] && [ -n "$(with_role sync_standby)" ]; }

# proxy MEMBER MODE: tells the proxy what to do with the connections of a member.
proxy() {
	[ -z "$direct" ] || die "the cluster was started with --direct: there is no proxy that could do this"
	curl -sf -m 5 --unix-socket "$dir/proxy.sock" -X PUT "http://proxy/$1/$2" || die "the proxy does not know $1/$2, or does not run"
}
