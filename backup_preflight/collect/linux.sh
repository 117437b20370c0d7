#!/bin/sh
# Azure Backup preflight: the collector for Linux.
#
# What it does: reads files, asks the package manager, systemd and the network configuration, makes a few HTTP(S) GETs (to the
#   Azure fabric 168.63.129.16, to IMDS 169.254.169.254, to the storage hosts it is told), runs "waagent -version", and prints
#   what it saw as sections. docs/recording.md describes each of them. It passes no judgement.
# What it never does: write a file, change a setting, load a kernel module, start or stop a service, leave a process behind,
#   read a private key, a password or protected settings, or run text that it was given: parameters are checked words.
# To run it by hand:  sudo sh linux.sh > vm7.recording
# To allow just it in sudo: install it as a file that only root can write and allow "FILE -". It then reads from its standard
#   input the lines  nonce=...  storage_endpoints=HOST,...  image=yes|no  sudo=no|yes|refused  logs=yes|no
# With logs=yes it makes none of its probes, and prints the ends of the agent's and the extensions' logs instead.
# Without root it works too. Then these are "denied": all below /var/lib/waagent (agent state, extensions, goal state), firewall
#   rules, the opening of mount points, private configuration files, and processes where /proc hides them.
# It ends within 15 seconds whatever hangs: each command has a limit, and the groups of probes run side by side.
#
# Functions are called by name from "everything", and in subshells on purpose:
# shellcheck disable=SC2329,SC2030,SC2031

format=1
version=0.1.0
lib=/var/lib/waagent
backup=Microsoft.Azure.RecoveryServices.VMSnapshotLinux
most=65536
cpu_window=0.25
nl='
'
# Nothing of the account's own environment may change what is seen: not its PATH, not its language, not IFS (busybox takes that).
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin PYTHONDONTWRITEBYTECODE=1
unset IFS
# A lost packet, or a name server that is down while the next one answers, must not look like names that do not resolve: the C
# library's own five seconds for each try are longer than ours for all.
export RES_OPTIONS='timeout:2 attempts:3'
# bash, also as sh, takes functions from its environment: what a user calls "grep" must not be ours.
# shellcheck disable=SC3044,SC2046 # only bash gets there, and names are words
if [ "${BASH_VERSION:-}" ]; then unset -f compgen && unset -f $(compgen -A function); fi
# zsh, also as sh, takes "end" for a word of its own.
if [ "${ZSH_VERSION:-}" ]; then disable -r end; fi
tab=$(printf '\t')
crlf=$(printf '\r\n.') crlf=${crlf%.}

# --- Parameters -------------------------------------------------------------------------------------------------------------

read_parameters() { # from standard input, by name; never evaluated
  nonce='' storage_endpoints='' image='' sudo='' logs=''
  while IFS='=' read -r key value; do
    case $key in
      nonce) nonce=$value ;;
      storage_endpoints) storage_endpoints=$value ;;
      image) image=$value ;;
      sudo) sudo=$value ;;
      logs) logs=$value ;;
    esac
  done
}

check_parameters() {
  [ "${nonce:-}" ] || nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  storage_endpoints=${storage_endpoints:-} image=${image:-no} sudo=${sudo:-no} logs=${logs:-no}
  case $nonce in *[!0-9a-f]*) refuse nonce ;; esac
  [ ${#nonce} -eq 32 ] || refuse nonce
  case $storage_endpoints in *[!A-Za-z0-9.,-]* | -* | *,-*) refuse storage_endpoints ;; esac
  case $image in yes | no) ;; *) refuse image ;; esac
  case $sudo in no | yes | refused) ;; *) refuse sudo ;; esac
  case $logs in yes | no) ;; *) refuse logs ;; esac
}

refuse() { echo "linux.sh: the parameter $1 is not valid" >&2 && exit 2; }

own_digest() { # of the file that this is; nothing when it came on standard input
  case $({ sed -n '2{p;q;}' <"$0" | tr -d '\000'; } 2>/dev/null) in # it may be the shell itself: bash complains of NULs
    '# Azure Backup preflight: the collector'*) { sha256sum <"$0" | cut -c 1-64; } 2>/dev/null ;;
  esac
}

# --- The frame --------------------------------------------------------------------------------------------------------------

begin() { # SECTION [SUBJECT]
  section=$1
  printf '\n%s begin %s\n' "$nonce" "$1${2:+ $2}"
}

end() { # STATUS [DETAIL]: also puts a mark for the section on the tally, descriptor 3
  printf '\n%s end %s %s\n' "$nonce" "$section" "$1${2:+ ${2%%"$nl"*}}"
  printf s >&3
}

note() { begin "$1" "$2" && end "$3" "${4:-}"; } # SECTION SUBJECT STATUS [DETAIL]: a section without content

text() { begin "$1" "$2" && printf '%s' "$3" && end ok; } # SECTION SUBJECT CONTENT

side_by_side() { # COMMAND...: all at once, each into its own pipe; their outputs come out one after the other
  if [ $# -eq 1 ]; then
    $1
    printf g >&3
  else
    first=$1 && shift
    { $first; printf g >&3; } | { side_by_side "$@" </dev/null; cat; }
  fi
}

# --- Commands: each with a limit, their output captured ---------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

limit() { # SECONDS COMMAND...: ended with its children when it takes longer; then the exit code is 124 or 137
  if [ "$timeout" ]; then
    timeout -k 1 "$@"
    return
  fi
  seconds=$1 && shift
  { $setsid "$@" <&9 9<&- & } 9<&0 # in the background standard input would be empty
  watched=$!
  { # the watchdog; told to end, it ends its sleep as well
    trap 'kill $!; exit' TERM
    sleep "$seconds" &
    wait $!
    kill -KILL -"$watched" || kill -KILL "$watched"
  } >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- &
  watchdog=$!
  wait "$watched" 2>/dev/null
  set -- $?
  { kill "$watchdog" && wait "$watchdog"; } 2>/dev/null
  return "$1"
}

limit_all() { limit "$@" 2>&1; }

# The three of them put the output into $out (the shell drops NUL bytes) and the exit code into $rc.

run() { # SECONDS COMMAND...: of a tool whose answer is short, without its messages
  allowed=$1
  out=$(limit "$@" 2>/dev/null 3>&- 4>&-)
  rc=$?
}

run_long() { allowed=$1 && captured limit "$@" 2>/dev/null; } # SECONDS COMMAND...: at most $most bytes, without its messages
run_all() { allowed=$1 && captured limit_all "$@"; } # SECONDS COMMAND...: at most $most bytes, with its messages

captured() { # COMMAND...
  out=$({
    code=$({ { "$@" 3>&- 4>&- 5>&- 6>&-; echo $? >&6; } | head -c "$most" >&5; } 6>&1)
    printf '\n%s' "$code"
  } 5>&1)
  rc=${out##*"$nl"} out=${out%"$nl"*} out=${out%"$nl"}
}

timed_out() { case $rc in 124 | 137 | 143) return 0 ;; *) return 1 ;; esac; }

end_run() { # ends the section of a run by its exit code
  if [ "$rc" = 0 ]; then end ok; elif timed_out; then end timeout "$allowed"; else end error "exit $rc: $(last_message)"; fi
}

last_message() { printf '%s\n' "$out" | redact | grep . | tail -n 1 | head -c 300; }

lines() { [ ! "$out" ] || printf '%s\n' "$out"; }
unique() { awk '!seen[$0]++'; }

redact() { # no user:password@, no sig= of a storage URL
  sed -E -e "s#://[^[:blank:]\"']*@#://***@#g" -e "s#(^|[[:blank:]=\"'])[^][[:blank:]=\"'/:]+:[^[:blank:]\"'/]+@#\1***@#g" \
    -e "s#([Ss][Ii][Gg])(=|%3[Dd])[^&[:blank:]\"'<>]*#\1\2***#g"
}

yes_no() { if "$@" >/dev/null 2>&1; then printf yes; else printf no; fi; }

# --- Files: not there, or not to be seen ------------------------------------------------------------------------------------

look() { # PATH: is it there? Else $why: absent, or denied when a directory on the way cannot be searched
  if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
  parent=${1%/*}
  until [ -z "$parent" ] || [ -d "$parent" ]; do parent=${parent%/*}; done
  if [ -x "${parent:-/}" ]; then why=absent; else why=denied; fi
  return 1
}

look_in() { # DIRECTORY: can it be listed? Else $why
  look "$1" || return 1
  why=denied
  [ -r "$1" ] && [ -x "$1" ]
}

missing() { # SECTION SUBJECT PATH
  if [ "$why" = denied ]; then note "$1" "$2" denied "$3"; else note "$1" "$2" absent; fi
}
found() { look "$3" || { missing "$@" && false; }; } # SECTION SUBJECT PATH: is it there? Else the section says why not
listable() { look_in "$3" || { missing "$@" && false; }; } # SECTION SUBJECT DIRECTORY

file() { # SECTION SUBJECT PATH [FILTER...]: the file's bytes, redacted, at most 64 KiB
  case $2 in *"$nl"*) return ;; esac # such a name would break the frame
  found "$1" "$2" "$3" || return 0
  if [ ! -e "$3" ]; then
    note "$1" "$2" error "a symbolic link that leads nowhere, or nowhere this account may go"
  elif [ ! -f "$3" ]; then
    note "$1" "$2" error "not a regular file"
  elif [ ! -r "$3" ]; then
    note "$1" "$2" denied "$3"
  else
    begin "$1" "$2"
    path=$3 && shift 3
    if [ $# -eq 0 ]; then set -- redact_start; fi
    "$@" <"$path" 2>/dev/null | head -c 65536
    end ok
  fi
}

redact_start() { head -c 131072 | redact; } # first redacted, then cut, so that no half of a secret stays

kernel_file() { # SECTION PATH: of the kernel's own, which hold no secret
  found "$1" "" "$2" || return 0
  if body=$(head -c 65536 "$2" 2>/dev/null); then text "$1" "" "$body"; else note "$1" "" denied "$2"; fi
}

files() { # SECTION FILTER PATH...: those that exist; absent with an empty subject when none does
  name=$1 filter=$2 any='' && shift 2
  for each; do
    if [ -e "$each" ] || [ -L "$each" ]; then any=yes && file "$name" "$each" "$each" "$filter"; fi
  done
  [ "$any" ] || note "$name" "" absent
}

last_of() { # PATH...: $last is the last one that exists; of a pattern's matches the greatest
  last=''
  for each; do if [ -e "$each" ]; then last=$each; fi; done
  [ "$last" ]
}

count_of() { if [ -e "$1" ]; then echo $#; else echo 0; fi; } # a pattern's matches

# --- The system -------------------------------------------------------------------------------------------------------------

system_run() {
  virtualization='' container=''
  if [ "$image" = no ] && has systemd-detect-virt; then
    run 2 systemd-detect-virt # says what is nearer
    case $out in
      systemd-nspawn | lxc | lxc-libvirt | docker | podman | rkt | wsl | proot | pouch | openvz | container-other)
        container=$out
        run 2 systemd-detect-virt --vm
        ;;
    esac
    if [ "$rc" = 0 ]; then virtualization=$out; fi
  fi
  begin run
  printf '%s\n' "collector=$version" "sha256=$digest" "uid=$uid" "sudo=$sudo" "image=$image" "kernel=$kernel" "machine=$machine" \
    "release=$release" "pid1=$pid1" "systemd=$systemd" "virtualization=$virtualization" "container=$container" "clock=$started"
  end ok
}

system_files() {
  if [ -e /etc/os-release ]; then file os_release "" /etc/os-release; else file os_release "" /usr/lib/os-release; fi
  if listable kernels "" /lib/modules; then text kernels "" "$(ls /lib/modules)"; fi
  if [ "$image" = yes ]; then return; fi
  if listable dmi "" /sys/class/dmi/id; then
    begin dmi
    value=''
    if [ -r /sys/class/dmi/id/chassis_asset_tag ]; then IFS= read -r value </sys/class/dmi/id/chassis_asset_tag; fi
    printf 'chassis_asset_tag=%s\n' "$value"
    end ok
  fi
  begin uptime # the kernel's interface has 100 ticks a second on every architecture that Azure offers
  read -r uptime _ </proc/uptime
  printf 'uptime=%s\nticks=100\nboot_time=%s\n' "$uptime" "$(sed -n 's/^btime //p' /proc/stat)"
  end ok
  text cpus "" "$(getconf _NPROCESSORS_CONF 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
  kernel_file meminfo /proc/meminfo
  file selinux "" /sys/fs/selinux/enforce sed -e 's/1/enforcing/' -e 's/0/permissive/'
  files reboot_required redact_start /run/reboot-required /run/reboot-needed
  file reboot_packages "" /run/reboot-required.pkgs
}

cpu() { # a short look before all other probes; when that was busy, two seconds after them too, as a peak does not count
  if [ ! -r /proc/stat ]; then
    note cpu "" unsupported "needs /proc"
    return
  fi
  cpu_sample
  text cpu_of_probes "" "$first_line$nl$line"
  begin cpu
  printf '%s\n%s\n' "$first_line" "$second_line"
  if [ $(((second_busy - first_busy) * 10)) -gt $(((second_all - first_all) * 9)) ]; then
    for each in 1 2 3; do
      [ "$each" = 1 ] || sleep 1
      cpu_sample
      printf '%s\n' "$line"
    done
  fi
  end ok
}

cpu_before() { # this collector's own load must not be taken for the VM's
  if [ ! -r /proc/stat ]; then return; fi
  cpu_sample
  first_line=$line first_busy=$busy first_all=$all
  sleep "$cpu_window" 2>/dev/null || sleep 1
  cpu_sample
  second_line=$line second_busy=$busy second_all=$all
}

cpu_sample() { # $line, and of it $busy and $all in ticks
  IFS= read -r line </proc/stat
  # shellcheck disable=SC2086 # numbers
  set -- $line
  all=$(($2 + $3 + $4 + $5 + $6 + $7 + $8 + $9))
  busy=$((all - $5 - $6))
}

system_clock() {
  begin clock
  printf 'clock=%s\n' "$(date +%s)"
  end ok
}

# --- Packages ---------------------------------------------------------------------------------------------------------------

has_rpm_database() { # where there is none, as on a Debian with rpm as a tool, a question to rpm would make one
  has rpm || return 1
  before=${rc:-0}
  run 2 rpm --eval '%{_dbpath}'
  if timed_out; then return 0; fi # it hangs, as the question itself will show
  rc=$before
  [ -e "$out/rpmdb.sqlite" ] || [ -e "$out/Packages.db" ] || [ -e "$out/Packages" ]
}

agent_packages() { # exit codes only say that one of the names is not installed
  begin agent_packages
  rc=unsupported
  if has dpkg-query; then
    # shellcheck disable=SC2016 # for dpkg-query
    run 8 dpkg-query -W -f='dpkg\t${Package}\t${db:Status-Status}\t${Version}\n' waagent walinuxagent
    lines | grep "^dpkg$tab"
  fi
  if ! timed_out && has_rpm_database; then
    run_all 8 rpm -q --qf 'rpm\t%{NAME}\tinstalled\t%{VERSION}-%{RELEASE}\n' WALinuxAgent python-azure-agent python3-azure-agent
    lines | grep "^rpm$tab"
  fi
  if [ "$rc" = unsupported ]; then end unsupported "needs dpkg-query or rpm"; else end_query; fi
}

end_query() { # ends the section of a package query
  problem=$(lines | grep '^error:' | head -n 1)
  if timed_out; then end timeout "$allowed"; elif [ "$problem" ]; then end error "$problem"; else end ok; fi
}

core_packages() { # the list of "needs-restarting -r", and SUSE's kernel
  if ! has_rpm_database; then
    note core_packages "" absent "no rpm database on this system"
    return
  fi
  begin core_packages
  run_all 8 rpm -q --qf '%{INSTALLTIME}\t%{NAME}\n' kernel kernel-core kernel-rt kernel-default glibc linux-firmware systemd \
    dbus dbus-broker dbus-daemon openssl-libs gnutls microcode_ctl
  lines | grep "^[0-9][0-9]*$tab"
  end_query
}

package_owner() {
  agent_path
  rc=0 owner=''
  begin agent_binary_owner
  if [ "$agent" ] && has dpkg-query; then
    run 8 dpkg-query -S "$agent"
    owner=$(lines | grep -v '^diversion ' | sed -n '1s/[:,].*//p')
  fi
  if [ "$agent" ] && [ ! "$owner" ] && has_rpm_database; then
    run 8 rpm -qf --qf '%{NAME}\n' "$agent"
    if [ "$rc" = 0 ]; then owner=$out; fi
  fi
  printf '%s' "$owner"
  if [ "$owner" ]; then end ok
  elif timed_out; then end timeout "$allowed"
  elif [ "$agent" ] && ! has dpkg-query && ! has_rpm_database; then end unsupported "needs dpkg-query or rpm"
  else end absent
  fi
}

# --- The agent --------------------------------------------------------------------------------------------------------------

agent_path() { # $agent: the program, or nothing
  for agent in /usr/sbin/waagent /usr/bin/waagent ''; do if [ -e "$agent" ]; then return; fi; done
}

agent_conf_path() { # $conf
  conf=/etc/waagent.conf
  if [ ! -e "$conf" ] && [ -e /usr/share/oem/waagent.conf ]; then conf=/usr/share/oem/waagent.conf; fi
}

agent_files() {
  begin agent_binary
  for each in /usr/sbin/waagent /usr/bin/waagent; do
    if [ -e "$each" ]; then printf '%s\t%s\n' "$each" "$(yes_no test -x "$each")"; fi
  done
  end ok
  agent_conf_path
  file agent_conf "$conf" "$conf"
  log=/var/log/waagent.log
  if found agent_log "" "$log"; then text agent_log "" "$(stat -L -c "mtime=%Y${nl}size=%s" "$log")"; fi
  if found azure_log_dir "" /var/log/azure; then note azure_log_dir "" ok; fi
  lib_dir
  if found disable_agent "" "$lib/disable_agent"; then note disable_agent "" ok; fi
  if found provisioned "" "$lib/provisioned"; then note provisioned "" ok; fi
  file wireserver_endpoint "" "$lib/WireServerEndpoint"
  file deployment "" "$lib/SharedConfig.xml" grep -oE '<(Deployment|Service)[[:blank:]][^>]*>'
  # Only the letters of this one element: the file can hold the administrator's password.
  file provision_guest_agent "" "$lib"/ovf-env.xml sed -n 's/.*<[A-Za-z0-9:]*ProvisionGuestAgent>\([A-Za-z]*\)<.*/\1/p'
  begin sysv_links
  ls -d /etc/rc[0-9S].d/S??walinuxagent /etc/rc[0-9S].d/S??waagent /etc/rc.d/rc[0-9].d/S??waagent 2>/dev/null
  end ok
  files upstart respawn_lines /etc/init/walinuxagent.conf /etc/init/waagent.conf
  unit_files
  file proxy_environment /etc/environment /etc/environment proxy_lines
}

# Units and jobs can hold tokens in their environment: of each only the line that a check asks for.
restart_lines() { grep -E '^Restart='; }
respawn_lines() { grep -E '^[[:blank:]]*respawn'; }

proxy_lines() { # name=value of proxy variables
  sed -E -n "s/^[[:blank:]]*(export[[:blank:]]+)?([A-Za-z]+_[Pp][Rr][Oo][Xx][Yy]=)[\"']?([^\"']*).*/\2\3/p" | redact
}

lib_dir() {
  if ! look_in "$lib"; then
    missing lib_dir "" "$lib"
    missing agent_status "" "$lib"
    return
  fi
  begin lib_dir
  printf 'mode=%s\nxml=%s\nstale_xml=%s\n' "$(stat -L -c %a "$lib")" "$(count_of "$lib"/*.xml)" "$(count_of "$lib"/*.[0-9]*.xml)"
  end ok
  begin agent_status
  last_of "$lib"/history/*/waagent_status*.json
  for each in "$lib"/waagent_status*.json ${last:+"${last%/*}"/waagent_status*.json}; do
    if [ -e "$each" ]; then stat -c "%Y$tab%n" "$each"; fi
  done
  end ok
}

unit_files() { # units and drop-ins on disk: an image has them too
  any=''
  for directory in /etc /run /usr/local/lib /usr/lib /lib; do
    if [ -L "$directory" ]; then continue; fi # /lib where it is /usr/lib
    for each in "$directory"/systemd/system/walinuxagent.service "$directory"/systemd/system/walinuxagent.service.d/*.conf \
      "$directory"/systemd/system/waagent.service "$directory"/systemd/system/waagent.service.d/*.conf; do
      if [ ! -e "$each" ] && [ ! -L "$each" ]; then continue; fi
      any=yes
      # A masked unit is a link to /dev/null: an empty file.
      if [ -c "$each" ]; then note unit_file "$each" ok; else file unit_file "$each" "$each" restart_lines; fi
    done
  done
  [ "$any" ] || note unit_file "" absent
}

agent_version() {
  agent_path
  begin agent_version
  if [ ! "$agent" ]; then
    end absent
    return
  fi
  run_all 10 "$agent" -version
  if [ "$rc" = 0 ]; then lines | redact; fi
  end_run
}

python_for_backup() { # the names that the extension's main/handle.sh tries
  begin python
  for directory in /usr/bin /usr/local/bin; do
    for each in 3.8 3.7 3.6 3.5 3.4 3.3 3 2.7 2.6 2 ''; do
      python=$directory/python$each
      if [ -x "$python" ]; then break 2; fi
    done
  done
  if [ ! -x "$python" ]; then
    end absent
    return
  fi
  run 8 "$python" -B -W ignore -c 'import sys
print("version=%d.%d.%d" % sys.version_info[:3])
try: # without importing where that can be: setuptools would put its own distutils in the place, in a third of a second
    from importlib.machinery import PathFinder
    find = PathFinder.find_spec
except Exception:
    find = __import__
for name in ("imp", "distutils", "crypt"):
    try:
        print(name + "=" + (find(name) and "yes" or "no"))
    except ImportError:
        print(name + "=no")'
  printf 'path=%s\n%s' "$python" "$out"
  end_run
}

unit() { # NAME
  if [ "$systemd" = yes ]; then
    begin unit "$1"
    show_unit 4 "$1"
    lines | grep -E "^($(printf %s "$unit_properties" | tr ',' '|'))=" | redact
    end_run
    begin proxy_environment "$1"
    environment_of_unit | proxy_lines
    end_run
    case $out in
      *LoadState=not-found*)
        note unit_enabled "$1" absent
        return
        ;;
    esac
  elif [ "$image" = no ]; then
    note unit "$1" unsupported "systemd does not run here"
    note proxy_environment "$1" unsupported "systemd does not run here"
  fi
  if ! has systemctl; then
    note unit_enabled "$1" unsupported "needs systemctl"
    return
  fi
  begin unit_enabled "$1"
  run 4 systemctl is-enabled "$1"
  case $out in
    '' | not-found) if timed_out; then end timeout "$allowed"; else end absent; fi ;;
    *) printf '%s' "$out" && end ok ;;
  esac
}

unit_properties=LoadState,ActiveState,SubState,Result,UnitFileState,MainPID,NRestarts,Restart,ConditionResult,FreezerState
unit_properties=$unit_properties,FragmentPath,DropInPaths,ActiveEnterTimestamp,InactiveEnterTimestamp

show_unit() { # SECONDS UNIT: its properties, and its environment, which can hold secrets
  run "$1" systemctl --no-pager show -p "$unit_properties,Environment,EnvironmentFiles" "$2"
}

environment_of_unit() { # of the one shown: Environment= and its environment files, one variable a line
  lines | sed -n 's/^Environment=//p' | tr -d '"' | tr ' ' '\n'
  lines | sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=.*/\1/p' | while IFS= read -r each; do
    if [ -f "$each" ]; then head -c 65536 "$each" 2>/dev/null; fi
  done
}

# --- Processes --------------------------------------------------------------------------------------------------------------

# Veeam, Acronis, Commvault, Bacula, Bareos, Spectrum Protect, NetBackup, Avamar, NetWorker, Rubrik, Cohesity, Site Recovery,
# Datto, R1Soft, UrBackup
other_backups='^(veeam.*|acronis.*|aakore|cvd|cvlaunchd|clmgrs|bacula-fd|bareos-fd|dsmc|dsmcad|bpcd|nbdisco|avagent.*|nsrexecd'
other_backups=$other_backups'|.*_agent_main|linux_agent_exec|svagents|dlad|cdp-agent|urbackupclient.*)$'
agent_command='([^ ]*python[0-9.]* (-[A-Za-z]+ )*)?([^ ]*/)?(waagent|WALinuxAgent-[^ ]*\.egg)'
agent_command=$agent_command' (.* )?[-/]*(daemon|run-exthandlers)( |$)'

processes() {
  if [ "$uid" != 0 ] && grep -E ' /proc .*hidepid=' /proc/self/mountinfo | grep -qvE 'hidepid=(0|off)'; then
    for each in processes dhcp_clients other_backup_processes; do note "$each" "" denied "/proc is mounted with hidepid"; done
    return
  fi
  look_at_processes
  begin processes
  printf '%s' "$agents"
  end ok
  begin dhcp_clients
  printf '%s\n' "$list" | sed -E 's/^[0-9]+ //' | grep -E '^([^ ]*/)?(dhclient|dhcpcd|udhcpc|wickedd-dhcp4)[^ /]*( |$)' | redact
  end ok
  begin other_backup_processes
  printf '%s\n' "$list" | sed -E 's/^[0-9]+ ([^ ]*).*/\1/; s/.*\///' | sort -u | grep -iE "$other_backups"
  end ok
  # A worker that cannot run is started anew every second, and so is often there: a new one is looked at again.
  for each in 1 2 3 4 5; do
    if worker_is_settled; then return; fi
    sleep 1
    look_at_processes
    begin later_processes "$uptime"
    printf '%s' "$agents"
    end ok
  done
}

look_at_processes() { # $list: "PID command line" of all; $agents: of the agent's pid, parent, state, start, command line; $uptime
  # By one head, which puts "==> FILE <==" before each. Only the line after that counts, and none of over 1,000 bytes: those are
  # scripts given as arguments, this one among them.
  list=$(head -v -c 1001 /proc/[0-9]*/cmdline 2>/dev/null | tr '\000' ' ' | awk '
    /^==> \/proc\/[0-9]+\/cmdline <==$/ { gsub(/[^0-9]/, ""); pid = $0; next }
    pid { if (length($0) <= 1000) print pid, $0; pid = "" }')
  read -r uptime _ </proc/uptime
  agents=$(printf '%s\n' "$list" | grep -E "^[0-9]+ $agent_command" | while read -r pid line; do
    stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue # it ended meanwhile
    # shellcheck disable=SC2086 # what follows the name: 1 state, 2 parent, 20 start
    set -- ${stat##*") "}
    printf '%s\t%s\t%s\t%s\t%s\n' "$pid" "$2" "$1" "${20}" "$line"
  done | redact)
}

# Or there is no daemon. Its first worker has lived three seconds, a later one a minute (in hundredths). And a second more: the
# first look is judged by the time of the section "uptime", which another group has read a little earlier.
worker_is_settled() {
  printf '%s\n' "$agents" | awk -F "$tab" -v uptime="$uptime" '
    $5 ~ /[-\/]daemon/ { daemon = $4 }
    $5 ~ /[-\/]run-exthandlers/ { worker = $4 }
    END { exit daemon && (!worker || uptime * 100 - worker < (worker - daemon > 6000 ? 6100 : 400)) }'
}

# --- Extensions -------------------------------------------------------------------------------------------------------------

extensions() {
  if look_in "$lib"; then
    begin extensions
    for each in "$lib"/*-[0-9]*; do if is_extension "$each"; then printf '%s\n' "${each##*/}"; fi; done
    end ok
    for each in "$lib"/*-[0-9]*; do
      is_extension "$each" || continue
      file extension_state "${each##*/}" "$each/config/HandlerState"
      file extension_status "${each##*/}" "$each/config/HandlerStatus"
    done
    snapshot_extension
  else
    for each in extensions snapshot_status_files snapshot_freeze_tool snapshot_imports snapshot_certificates; do
      missing "$each" "" "$lib"
    done
  fi
  # Newer agents have one log directory for all versions of an extension.
  log=/var/log/azure/$backup/extension.log
  if [ ! -e "$log" ] && last_of /var/log/azure/"$backup"/*/extension.log; then log=$last; fi
  file snapshot_log "" "$log" telling_lines
  freeze_lock
  file vmbackup_conf "" /etc/azure/vmbackup.conf
  file script_host_conf "" /etc/azure/VMSnapshotPluginHost.conf
  file script_config "" /etc/azure/VMSnapshotScriptPluginConfig.json without_parameters
  script_owners
  begin tools
  for each in openssl base64 lsblk mount umount blkid; do
    printf '%s\t%s\n' "$(yes_no test -x /usr/bin/"$each" -o -x /bin/"$each" -o -x /usr/sbin/"$each" -o -x /sbin/"$each")" "$each"
  done
  end ok
}

is_extension() { # the agent's own updates look like one
  case ${1##*/} in WALinuxAgent-* | *"$nl"*) return 1 ;; esac
  [ -e "$1/HandlerManifest.json" ] || [ -d "$1/config" ]
}

snapshot_extension() {
  begin snapshot_status_files
  for each in "$lib/$backup"-*/status/*.status; do
    if [ -f "$each" ]; then stat -c "%Y$tab%s$tab%n" "$each"; fi
  done | sed "s#$lib/\([^/]*\)/status/#\1$tab#"
  end ok
  for each in "$lib/$backup"-*; do
    newest=-1
    for number in "$each"/status/*.status; do
      number=${number##*/} number=${number%.status}
      case $number in '' | *[!0-9]* | ??????????*) continue ;; esac
      if [ "$number" -gt "$newest" ]; then newest=$number; fi
    done
    if [ "$newest" -ge 0 ]; then file snapshot_status "${each##*/}/$newest.status" "$each/status/$newest.status"; fi
  done
  begin snapshot_freeze_tool
  case $machine in aarch64) tool=main/safefreezeArm64/bin/safefreeze ;; *) tool=main/safefreeze/bin/safefreeze ;; esac
  for each in "$lib/$backup"-*; do
    if [ -d "$each" ]; then printf '%s\t%s\n' "$(yes_no test -x "$each/$tool")" "${each##*/}/$tool"; fi
  done
  end ok
  begin snapshot_imports # FILE:line becomes directory, tab, file, tab, line
  grep -HE '^[[:blank:]]*(import|from)[[:blank:]](.*[[:blank:],])?(imp|distutils|crypt)([[:blank:].,;]|$)' \
    "$lib"/"$backup"-*/main/*.py "$lib"/"$backup"-*/main/*/*.py 2>/dev/null |
    sed "s#^$lib/\([^/]*\)/\([^:]*\):#\1$tab\2$tab#" | head -n 200 | head -c 65536
  end ok
  begin snapshot_certificates # of the settings the thumbprint alone, of the private key whether it is there
  grep -ohE '"protectedSettingsCertThumbprint"[[:blank:]]*:[[:blank:]]*"[0-9A-Fa-f]+"' \
    "$lib"/"$backup"-*/config/*.settings 2>/dev/null | sed 's/.*"\([0-9A-Fa-f]*\)"$/\1/' | sort -u | while read -r thumbprint; do
    valid=unknown certificate=$lib/$thumbprint.crt
    if openssl x509 -noout -in "$certificate" >/dev/null 2>&1; then
      valid=$(yes_no openssl x509 -noout -checkend 0 -in "$certificate")
    fi
    printf '%s\t%s\t%s\t%s\n' "$thumbprint" "$(yes_no test -e "$certificate")" "$(yes_no test -e "$lib/$thumbprint.prv")" "$valid"
  done
  end ok
}

telling_lines() { # of the last MiB
  tail -c 1048576 | grep -aE 'hostStatusCode|FailedRetryable|Failed to open:|Failed to FIFREEZE' | tail -n 20 |
    cut -b 1-2000 | redact
}

freeze_lock() {
  lock=/etc/azure/MicrosoftRecoverySvcsSafeFreezeLock/SafeFreezeLockFile
  found freeze_lock "" "$lock" || return 0
  # /proc/locks names a file by major:minor:inode, the device numbers in hexadecimal.
  device=0x$(stat -L -c %D "$lock")
  file freeze_lock "" /proc/locks grep -F \
    " $(printf '%02x:%02x:%s' $((device >> 8 & 0xfff)) $((device & 0xff | device >> 12 & 0xfff00)) "$(stat -L -c %i "$lock")") "
}

without_parameters() { # scripts' parameters can hold passwords; what is no list of strings is cut off, with all after it
  tr '\n' ' ' | sed -E -e 's/(Params"[[:blank:]]*:[[:blank:]]*)\[([^]"]|"([^"\\]|\\.)*")*\]/\1[]/g' \
    -e 's/(Params"[[:blank:]]*:[[:blank:]]*)([^[:blank:][]|\[[^]]).*/\1/' | redact
}

script_owners() {
  config=/etc/azure/VMSnapshotScriptPluginConfig.json
  {
    printf '%s\n' /etc/azure/VMSnapshotPluginHost.conf "$config"
    grep -oE '"(pre|post)ScriptLocation"[[:blank:]]*:[[:blank:]]*"/[^"]+"' "$config" 2>/dev/null |
      sed 's/.*"\(\/[^"]*\)"$/\1/' | sort -u
  } | while IFS= read -r each; do
    if found file "$each" "$each"; then
      text file "$each" "$(stat -L -c "owner=%U${nl}group=%G${nl}mode=%a${nl}type=%F" "$each" 2>&1)"
    fi
  done
}

# --- Disks ------------------------------------------------------------------------------------------------------------------

disks() {
  kernel_file mounts /proc/self/mountinfo
  # "mount point, type, source" with blanks as \040
  mounts=$(awk '{ for (i = 7; i <= NF; i++) if ($i == "-") break; print $5, $(i + 1), $(i + 2) }' /proc/self/mountinfo)
  mount_open
  lib_dir_space
  block_devices
  begin resource_disk
  for each in /dev/disk/azure/resource /dev/disk/cloud/azure_resource; do
    if [ -e "$each" ]; then basename "$(readlink -f "$each")"; fi
  done | sort -u
  # Only file systems that a temporary disk has: to look into a network file system can hang.
  printf '%s\n' "$mounts" | awk '$2 ~ /^(ext[234]|xfs|btrfs|vfat|ntfs3?|fuseblk)$/ { print $1 }' | while read -r point; do
    if [ -e "$(unescape "$point")/DATALOSS_WARNING_README.txt" ]; then printf '%s\n' "$point"; fi
  done
  end ok
}

# shellcheck disable=SC2059 # mountinfo's \040 is an escape of printf as well
unescape() { printf "$(printf '%s' "$1" | sed 's/%/%%/g')"; }

mount_open() { # as the extension opens them before it freezes them
  if [ "$uid" != 0 ]; then
    note mount_open "" denied "needs root"
    return
  fi
  begin mount_open
  # shellcheck disable=SC2016 # for another shell, which can be ended when a device does not answer
  run_long 6 sh -c 'IFS="
"
for point in $1; do
  directory=$(printf "$(printf %s "$point" | sed "s/%/%%/g")")
  if message=$({ true <"$directory"; } 2>&1); then message=ok; fi
  printf "%s\t%s\n" "${message##*: }" "$point"
done' sh "$(printf '%s\n' "$mounts" | awk '$2 ~ /^(ext[34]|xfs|btrfs)$/ && $3 !~ /^\/dev\/loop/ { print $1 }')"
  lines
  end_run
}

lib_dir_space() { # not by df, which looks into every mount point and so hangs with a dead network file system
  found lib_dir_space "" "$lib" || return 0
  begin lib_dir_space
  run 3 stat -f -c '%S %a %c %d' "$lib"
  # The mount point is the longest one that the path begins with; of equal ones the last, which lies on top.
  { lines && printf '%s\n' "$mounts"; } | awk -v path="$(readlink -f "$lib")/" '
    NR == 1 { printf "free_kib=%.0f\ninodes=%s\ninodes_free=%s\n", $1 * $2 / 1024, $3, $4; next }
    index(path, ($1 == "/") ? "/" : $1 "/") == 1 && length($1) >= length(best) { best = $1 }
    END { print "mount=" best }'
  end_run
}

block_devices() {
  listable block_devices "" /sys/block || return 0
  begin block_devices
  links=$(readlink -f /sys/block/* 2>/dev/null || for each in /sys/block/*; do readlink -f "$each"; done) # busybox takes one
  for each in /sys/block/*; do
    link=${links%%"$nl"*} links=${links#*"$nl"}
    read -r size 2>/dev/null <"$each/size" || continue
    removable='' model=''
    read -r removable 2>/dev/null <"$each/removable"
    if [ -e "$each/device/model" ]; then read -r model <"$each/device/model"; fi
    printf '%s\t%s\t%s\t%s\t%s\n' "${each##*/}" $((size * 512)) "$removable" "$model" "${link#/sys/devices/}"
  done
  end ok
}

# --- The network's configuration --------------------------------------------------------------------------------------------

network_files() {
  for each in /etc/network/interfaces /etc/network/interfaces.d/*; do
    if [ -f "$each" ]; then file ifupdown "$each" "$each" grep -E '^[[:blank:]]*(iface|auto|allow-|source|address|gateway)'; fi
  done
  for each in /etc/sysconfig/network-scripts/ifcfg-* /etc/sysconfig/network/ifcfg-*; do
    if [ -f "$each" ]; then
      file ifcfg "$each" "$each" grep -E '^[[:blank:]]*(DEVICE|NAME|BOOTPROTO|ONBOOT|STARTMODE|IPADDR)[A-Z0-9_]*='
    fi
  done
  if listable netplan "" /etc/netplan; then text netplan "" "$(ls -d /etc/netplan/*.yaml 2>/dev/null)"; fi
  if [ "$image" = yes ]; then return; fi
  file resolv_conf "" /etc/resolv.conf
  kernel_file route_table /proc/net/route
  if [ "$primary" ]; then
    text primary_interface "" "$(printf 'name=%s\nindex=%s' "$primary" "$(cat "/sys/class/net/$primary/ifindex" 2>/dev/null)")"
  else
    note primary_interface "" absent
  fi
  networkd
  leases
}

find_primary() { # $primary: the interface of the default route with the lowest metric
  primary=$(awk '$2 == "00000000" && $8 == "00000000" && (best == "" || $7 + 0 < metric) { best = $1; metric = $7 + 0 }
    END { print best }' /proc/net/route 2>/dev/null)
}

networkd() { # the links that systemd-networkd manages, and the primary interface's
  set -- /run/systemd/netif/links/*
  index=$(cat "/sys/class/net/$primary/ifindex" 2>/dev/null)
  managed=$({ grep -ls -e '^NETWORK_FILE=' "$@" && ls "/run/systemd/netif/links/$index"; } 2>/dev/null | sort -u)
  # shellcheck disable=SC2086 # names without blanks: interface numbers
  files networkd_link link_lines $managed
  networks=$(sed -n 's/^NETWORK_FILE=//p' "$@" 2>/dev/null | sort -u)
  if [ ! "$networks" ]; then note networkd_network "" absent; fi
  printf '%s\n' "$networks" | grep . | while IFS= read -r network; do
    name=${network##*/}
    files networkd_network dhcp_lines "$network" /etc/systemd/network/"$name".d/*.conf /run/systemd/network/"$name".d/*.conf \
      /usr/lib/systemd/network/"$name".d/*.conf
  done
}

link_lines() { grep -E '^NETWORK_FILE='; }
dhcp_lines() { grep -iE '^[[:blank:]]*DHCP[[:blank:]]*='; }

leases() {
  any=''
  for directory in /var/lib/dhcp /var/lib/dhclient /var/lib/NetworkManager /run/NetworkManager/devices /run/systemd/netif/leases \
    /var/lib/wicked /var/lib/dhcpcd; do
    if look_in "$directory"; then
      for each in "$directory"/*; do
        case $each in */leases/* | */devices/* | *.lease | *.leases | */lease-*.xml) ;; *) continue ;; esac
        case $each in */devices/*) grep -q '^dhcp4\.' "$each" 2>/dev/null || continue ;; esac # NetworkManager's own client
        if [ -f "$each" ]; then any=yes && file dhcp_lease "$each" "$each" tail -c 8192; fi
      done
    elif [ "$why" = denied ]; then
      any=yes && note dhcp_lease "$directory" denied "$directory"
    fi
  done
  [ "$any" ] || note dhcp_lease "" absent
}

network_commands() {
  if has ip; then
    begin route_to_wireserver
    run_all 4 ip -4 route get 168.63.129.16
    if [ "$rc" = 0 ]; then lines; fi
    if [ "$rc" = 0 ] || timed_out; then end_run; else end error "$out"; fi
    begin special_routes
    run_long 4 ip -4 route show table all
    lines | grep -E '^(blackhole|prohibit|unreachable|throw)'
    end_run
  else
    note route_to_wireserver "" unsupported "needs ip (iproute2)"
    note special_routes "" unsupported "needs ip (iproute2)"
  fi
  if [ ! "$primary" ] || [ ! -d /run/NetworkManager ]; then
    note nm_connection "$primary" absent "NetworkManager does not run, or there is no primary interface"
  elif ! has nmcli; then
    note nm_connection "$primary" unsupported "needs nmcli"
  else
    begin nm_connection "$primary"
    run 2 nmcli -g GENERAL.CONNECTION device show "$primary"
    if [ "$rc" = 0 ] && [ "$out" ]; then
      connection=$(lines | sed 's/\\\(.\)/\1/g') # nmcli -g escapes colons
      run 2 nmcli -g ipv4.method connection show "$connection"
      printf 'connection=%s\nmethod=%s\n' "$connection" "$out"
    fi
    end_run
  fi
}

# --- The firewall: the kernel is asked only for what it has loaded already, as a question would load the modules ------------

firewall() {
  if [ "$uid" != 0 ]; then
    note iptables "" denied "needs root"
    note nft "" denied "needs root"
    return
  fi
  nf_tables=no most=524288 rc=absent builtin=/lib/modules/$release/modules.builtin
  # Where this list is missing (in a container), so are the modules that a question could load.
  if [ -d /sys/module/nf_tables ] || [ ! -e "$builtin" ] || grep -q /nf_tables.ko "$builtin"; then nf_tables=yes; fi
  begin iptables
  run_iptables_save iptables-save
  # Where iptables is the new kind, rules of the old kind can stand beside.
  case $kind in
    *nf_tables*) if [ "$rc" = 0 ] || [ "$rc" = absent ]; then run_iptables_save iptables-legacy-save; fi ;;
  esac
  if [ "$rc" != absent ]; then end_rules
  elif has iptables-save; then end absent "no table is loaded"
  else end unsupported "needs iptables-save"
  fi
  begin nft
  if ! has nft; then end unsupported "needs nft"
  elif [ "$nf_tables" = no ]; then end absent "nf_tables is not loaded"
  else
    run_long 3 nft -j list ruleset
    lines
    end_rules
  fi
}

run_iptables_save() { # PROGRAM: prints its rules; $rc says absent, unless it or an earlier one ran
  kind=''
  if ! has "$1"; then return; fi
  before=$rc
  run 1 "$1" --version
  if timed_out; then return; fi
  kind=$out rc=$before
  case $kind in
    *nf_tables*) [ "$nf_tables" = yes ] || return ;;
    *) [ -s /proc/net/ip_tables_names ] || return ;;
  esac
  run_long 3 "$1"
  lines
}

end_rules() { if [ ${#out} -ge "$most" ]; then end error "longer than $most bytes"; else end_run; fi; }

# --- Network probes ---------------------------------------------------------------------------------------------------------

# Where there is no curl, and to tell why a connection failed. Ends with curl's exit codes. Python 2.6 and up.
# Arguments: tcp, http, https or insecure; host; port; request
probe='
import errno, os, socket, sys
kind, host, port, request = sys.argv[1:5]
codes = {errno.ECONNREFUSED: 7, errno.ETIMEDOUT: 28, errno.ECONNRESET: 56, errno.EPIPE: 56, errno.ENETUNREACH: 101,
         errno.EHOSTUNREACH: 101, errno.EACCES: 101, errno.EPERM: 101, errno.EINVAL: 101}
try:
    connection = socket.create_connection((host, int(port)), 6)
    if kind in ("https", "insecure"):
        import ssl
        context = ssl.create_default_context()
        if kind == "insecure":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection, server_hostname=host)
    if kind != "tcp":
        connection.sendall(request.encode("ascii"))
        answer = block = connection.recv(65536)
        while block and len(answer) < 65536:
            block = connection.recv(65536)
            answer += block
        os.write(1, answer)
        if not answer.startswith(b"HTTP/"):
            sys.exit(52)
except Exception:
    error = sys.exc_info()[1]
    if isinstance(error, socket.gaierror):
        sys.exit(6)
    if isinstance(error, socket.timeout):
        sys.exit(28)
    if type(error).__name__ == "CertificateError" or getattr(error, "reason", None) == "CERTIFICATE_VERIFY_FAILED":
        sys.exit(60)
    if type(error).__module__ == "ssl":
        sys.exit(35)
    sys.exit(codes.get(getattr(error, "errno", None), 1))
'

any_python() { # $python
  for python in python3 /usr/libexec/platform-python python python2; do if has "$python"; then return 0; fi; done
  return 1
}

# Without ~/.curlrc. It ends itself, to say how far it came.
run_curl() { run_all 9 curl -q -s --connect-timeout 6 --max-time 8 "$@"; }

end_probe() { # HOST PORT [CONNECTED]: ends the section of a probe by curl's exit code in $rc
  # To curl all that keeps it from connecting is 7.
  if [ "$rc" = 7 ] && any_python; then
    run 8 "$python" -B -c "$probe" tcp "$1" "$2" ''
  elif [ "$rc" = 7 ] && has ip; then
    case $1 in *[!0-9.]*) ;; *) ip -4 route get "$1" >/dev/null 2>&1 || rc=101 ;; esac
  fi
  case $rc in
    0) end ok ;;
    28 | 124 | 137 | 143) if [ "${3:-}" ]; then end error "silent (8 s)"; else end timeout 8; fi ;;
    7) end error refused ;;
    101) end error unreachable ;;
    5 | 97) end error "proxy (curl $rc)" ;;
    6) end error dns ;;
    35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 80 | 82 | 83 | 90 | 91) end error "tls (curl $rc)" ;;
    55 | 56) end error reset ;;
    1 | 8 | 16 | 52 | 92 | 95) end error "protocol (curl $rc)" ;;
    *) end error "other (exit code $rc)" ;;
  esac
}

http() { # NAME HOST PORT PATH HEADER VALUE
  begin http "$1"
  connected=''
  if has curl; then
    run_curl -i -w '\nconnected=%{time_connect}' --noproxy '*' -H "$5: $6" "http://$2:$3$4"
    case ${out##*connected=} in *[1-9]*) connected=yes ;; esac
    out=${out%"$nl"connected=*}
  elif any_python; then
    run_long 8 "$python" -B -c "$probe" http "$2" "$3" "GET $4 HTTP/1.0${crlf}Host: $2$crlf$5: $6$crlf$crlf"
  elif has wget; then # of GNU or busybox
    run_all 8 wget -q -S -Y off -O - --header "$5: $6" "http://$2:$3$4"
    out=$(lines | sed 's/^  //')
    case $out in HTTP/*) rc=0 ;; *) case $rc in 1 | 4) rc=7 ;; esac ;; esac
  else
    end unsupported "needs curl, python3 or wget"
    return
  fi
  if [ "$rc" = 0 ]; then lines | redact; fi
  end_probe "$2" "$3" "$connected"
}

find_hosts() { # $hosts: those of --storage-endpoint, else the first two of the goal state
  hosts=$(printf '%s' "$storage_endpoints" | tr ',' ' ')
  if [ "$hosts" ] || ! look_in "$lib"; then return; fi
  # Newer agents keep the goal state in history/ only. In the old place the newest is found by time, as 10 sorts before 9.
  last_of "$lib"/history/*/ExtensionsConfig*.xml "$lib"/history/*/VmSettings*.json
  # shellcheck disable=SC2012
  if [ ! "$last" ]; then last=$(ls -t $lib/ExtensionsConfig.*.xml 2>/dev/null | head -n 1); fi
  if [ ! "$last" ]; then return; fi
  hosts=$(cat "${last%/*}"/ExtensionsConfig*.xml "${last%/*}"/VmSettings*.json 2>/dev/null |
    grep -aoE 'https?:(\\?/){2}[A-Za-z0-9][A-Za-z0-9.-]*' | sed 's#.*/##' | grep -E '\.(blob|disk)\.' |
    unique | head -n 2 | tr '\n' ' ')
}

dns() { # HOST
  begin dns "$1"
  if has getent; then
    run_long 4 getent ahostsv4 "$1"
  elif has nslookup; then
    run_long 4 nslookup "$1"
    out=$(lines | sed -n '/^Name/,$p') # before that stands the server's own address
  else
    end unsupported "needs getent or nslookup"
    return
  fi
  lines | grep -oE '([0-9]{1,3}\.){3}[0-9]{1,3}' | unique
  if [ "$rc" = 0 ]; then end ok; elif timed_out; then end timeout "$allowed"; else end error dns; fi
}

https() { # HOST: the handshake counts, whatever the HTTP status
  begin https "$1"
  if ! has curl && ! any_python; then
    end unsupported "needs curl or python3"
    return
  fi
  verified=yes connected=''
  https_get "$1" https
  if [ "$rc" = 60 ]; then verified=no && https_get "$1" insecure; fi
  if [ "$rc" = 0 ]; then printf 'verified=%s\n%s' "$verified" "$out"; fi
  end_probe "$1" 443 "$connected"
}

https_get() { # HOST https|insecure: $out becomes code=... and issuer=...
  if has curl; then
    if [ "$2" = insecure ]; then insecure=-k; else insecure=-q; fi
    run_curl "$insecure" -v -o /dev/null -w '\ncode=%{http_code}\n' --noproxy '*' "https://$1/"
    # %{time_connect} stays 0 until TLS has come up.
    if lines | grep -qE '^\* +(Connected|Established connection) to'; then connected=yes; fi
    out=$(lines | sed -n -e 's/^\*[[:blank:]]*issuer: */issuer=/p' -e '/^code=/p')
  else
    run 8 "$python" -B -c "$probe" "$2" "$1" 443 "GET / HTTP/1.0${crlf}Host: $1$crlf$crlf"
    out=$(lines | sed -n '1s/^[^ ]* \([0-9]*\).*/code=\1/p')
  fi
}

port8443() { # HOST: that TCP connects counts, not what is spoken there
  begin port8443 "$1"
  if has curl; then
    run_curl -o /dev/null -w '%{time_connect}' --noproxy '*' "https://$1:8443/"
    case $rc$out in 35* | 51* | 52* | 56* | 60* | *.*[1-9]* | *[1-9].*) rc=0 ;; esac
  elif any_python; then
    run 8 "$python" -B -c "$probe" tcp "$1" 8443 ''
  else
    end unsupported "needs curl or python3"
    return
  fi
  end_probe "$1" 8443
}

proxy_connect() { # HOST
  begin proxy_connect "$1"
  if [ ! "$proxy" ]; then
    end absent "no proxy is configured"
  elif ! has curl; then
    end unsupported "needs curl"
  else
    allowed=6 && captured curl_through_proxy "https://$1/"
    printf 'source=%s\ncode=%s\n' "$source" "$out"
    case $out in [1-9]*) rc=0 ;; esac
    proxy=${proxy#*://} proxy=${proxy##*@} proxy=${proxy%%/*}
    case $proxy in *:*) ;; *) proxy=$proxy:1080 ;; esac # curl's default
    end_probe "${proxy%:*}" "${proxy##*:}"
  fi
}

curl_through_proxy() { # URL: the proxy's own URL can hold a password, so it comes neither as an argument nor by the environment
  printf 'proxy = "%s"\n' "$(printf '%s' "$proxy" | sed 's/[\\"]/\\&/g')" |
    limit_all 9 curl -q -s --connect-timeout 6 --max-time 8 -K - -o /dev/null -w '%{http_connect}' "$1"
}

find_proxy() { # $proxy and its $source. The agent's own setting wins over the environment; there https_proxy and its unit win
  agent_conf_path
  source=agent proxy=$(agent_option HttpProxy.Host)
  if [ "$proxy" ]; then
    port=$(agent_option HttpProxy.Port)
    proxy=http://$proxy:${port:-443} # what the agent does without a port
    return
  fi
  source=environment
  settings=$(
    cat /etc/environment 2>/dev/null
    if [ "$systemd" = yes ]; then
      for each in walinuxagent waagent; do
        show_unit 2 "$each.service"
        if timed_out; then break; fi
        environment_of_unit
      done
    fi
  )
  for each in 'http_proxy|HTTP_PROXY' 'https_proxy|HTTPS_PROXY'; do
    value=$(printf '%s\n' "$settings" | sed -E -n "s/^[[:blank:]]*(export[[:blank:]]+)?($each)=//p" | tail -n 1 | tr -d "\"'")
    proxy=${value:-$proxy}
  done
}

agent_option() { # KEY, by the agent's rules: the last one wins, a value ends at "#", blanks and quotes around it do not count
  sed -n "s/^[[:blank:]]*$1[[:blank:]]*=//p" "$conf" 2>/dev/null | tail -n 1 |
    sed -e 's/#.*//' -e 's/^[[:blank:]"]*//' -e 's/[[:blank:]"]*$//'
}

# --- Logs, for --collect-logs: what support asks for, the end of each file ---------------------------------------------------

agent_logs() { # no symbolic link: whoever may write to these folders must not choose what root reads
  for each in "$lib" /var/log/azure; do look_in "$each" || missing log "$each" "$each"; done
  left=60 seen=$nl
  for each in /var/log/waagent.log "/var/log/azure/$backup"/* "$lib"/*.xml /var/log/azure/* /var/log/azure/*/*; do
    case $seen in *"$nl$each$nl"*) continue ;; esac
    case $each in "$lib"/ovf-env.xml | "$lib"/Certificates*) continue ;; esac # nothing but secrets
    if [ "$left" -gt 0 ] && [ -f "$each" ] && [ ! -L "$each" ]; then
      file log "$each" "$each" log_end
      left=$((left - 1)) seen=$seen$each$nl
    fi
  done
}

log_end() { # whole lines, so that no half of a secret stays; keys, certificates and protected settings are long words of base64
  if [ "$(wc -c <"$path")" -gt 65536 ]; then tail -c 65536 | sed 1d; else cat; fi |
    redact | sed -E 's#[A-Za-z0-9+/]{80,}={0,2}#***#g'
}

# --- Everything -------------------------------------------------------------------------------------------------------------

not_booted() { # what an image cannot have
  for each in dmi uptime cpu cpu_of_probes cpus meminfo selinux clock processes dhcp_clients other_backup_processes mounts \
    mount_open lib_dir_space block_devices resource_disk primary_interface route_table route_to_wireserver special_routes \
    resolv_conf iptables nft; do
    note "$each" "" unsupported "the image is not booted"
  done
}

everything() { # puts on the tally at the end: the number of groups
  if [ "$logs" = yes ]; then
    side_by_side system_run agent_logs
    printf ' 2' >&3
    return
  fi
  if [ "$image" = no ]; then cpu_before; fi
  text proxy_environment session "$session"
  find_hosts
  if [ "$hosts" ]; then find_proxy; fi
  find_primary
  set -- system_run system_files agent_packages package_owner core_packages agent_files agent_version python_for_backup \
    extensions network_files "unit walinuxagent.service" "unit waagent.service"
  if [ "$image" = yes ]; then
    set -- "$@" not_booted
  else
    for each in $hosts; do set -- "$@" "dns $each" "https $each" "port8443 $each" "proxy_connect $each"; done
    set -- "$@" processes disks network_commands firewall \
      "http wireserver 168.63.129.16 80 /?comp=versions x-ms-version 2012-11-30" \
      "http hostgaplugin 168.63.129.16 32526 /versions x-ms-version 2012-11-30" \
      "http imds 169.254.169.254 80 /metadata/instance/compute/storageProfile?api-version=2021-11-01 Metadata true"
  fi
  side_by_side "$@"
  if [ "$image" = no ]; then
    cpu
    system_clock
  fi
  printf ' %s' $# >&3
}

main() {
  check_parameters
  session=$(env | proxy_lines)
  unset http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
  started=$(date +%s) uid=$(id -u) pid1=''
  # shellcheck disable=SC2046 # three words
  set -- $(uname -srm)
  kernel=$1 release=$2 machine=$3
  read -r pid1 2>/dev/null </proc/1/comm
  timeout='' setsid='' systemd=no
  # busybox' timeout leaves its watcher behind for a second
  case $(timeout --version 2>/dev/null) in *coreutils*) timeout=yes ;; esac
  if has setsid; then setsid=setsid; fi
  if [ "$image" = no ] && [ -d /run/systemd/system ]; then systemd=yes; fi
  printf '%s azure-backup-preflight %s linux\n' "$nonce" $format
  # The tally is what comes from descriptor 3: an "s" for each complete section, a "g" for each complete group, how many groups
  # there must be. It says whether all came to its end, and a recording in which it did not is not marked as done.
  exec 4>&1
  tally=$(everything 3>&1 >&4)
  if [ "$(($(printf '%s' "${tally% *}" | tr -cd g | wc -c)))" != "${tally##* }" ]; then
    echo "linux.sh: a group of probes was ended from outside" >&2
    exit 1
  fi
  printf '\n%s done %s\n' "$nonce" $(($(printf '%s' "$tally" | tr -cd s | wc -c)))
}

umask 077
digest=$(own_digest)
cd / || exit
if [ "${1:-}" = - ]; then read_parameters; fi
main </dev/null
exit
