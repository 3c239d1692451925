# What several verbs of ./dev share: messages, packages, builds. Sourced, with the
# repository as working directory.

# Debian's own interpreter: another one in PATH hasn't Debian's modules.
python=/usr/bin/python3

say() { printf '== %s\n' "$*" >&2; }

die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}

# verb_help TEXT ARGUMENT...: prints TEXT and ends if an argument asks for it.
verb_help() {
  local text=$1 argument
  shift
  for argument in "$@"; do
    if [[ $argument == --help || $argument == -h ]]; then
      printf '%s\n' "$text"
      exit 0
    fi
  done
}

# missing_packages GROUP...: those of the groups that dpkg doesn't have.
missing_packages() {
  local wanted installed
  wanted=$(awk -v groups=" $* " '!/^#/ && index(groups, " " $1 " ") {print $2}' .dev/packages)
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null |
    awk '$2 == "installed" {print $1}' || true)
  comm -23 <(sort -u <<<"$wanted") <(sort -u <<<"$installed")
}

# as_root COMMAND...: by sudo unless we are root.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# install_packages GROUP...: installs what is missing, and starts no service of theirs.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then return; fi
  if ! command -v apt-get >/dev/null; then
    die "these packages are needed, and this isn't a Debian system: ${missing[*]}"
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "no rights to install packages (neither root nor sudo); ask an administrator for:
  apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  if ((EUID != 0)) && ! sudo -v; then
    die "sudo was refused; an administrator can run:
  apt-get install --no-install-recommends ${missing[*]}"
  fi

  # invoke-rc.d and deb-systemd-invoke ask this script before they start anything.
  local policy=/usr/sbin/policy-rc.d guarded=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    guarded=yes
  fi
  local status=0 apt=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    apt-get -o DPkg::Lock::Timeout=300)
  {
    # Without network, what is cached may still do.
    as_root "${apt[@]}" update || say "apt-get update failed; trying with what is known"
    as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
  } >&2 </dev/null || status=$?
  if [[ $guarded ]]; then as_root rm -f "$policy"; fi
  if ((status != 0)); then
    die "installing packages failed (apt-get's messages are above): ${missing[*]}"
  fi
}

# unpack_packages GROUP...: lays their files out in build/unpacked/PACKAGE, without what
# they depend on, where they aren't yet.
unpack_packages() {
  local wanted package
  mapfile -t wanted < <(awk -v groups=" $* " '!/^#/ && index(groups, " " $1 " ") {print $2}' \
    .dev/packages)
  mkdir -p build/unpacked
  for package in "${wanted[@]}"; do
    if [[ -d build/unpacked/$package ]]; then continue; fi
    say "unpacking $package"
    (
      fetched=$(mktemp -d "$root/build/unpacked/fetched.XXXXXX")
      trap 'rm -rf "$fetched"' EXIT
      cd "$fetched"
      apt-get download "$package" || { as_root apt-get update && apt-get download "$package"; }
      dpkg -x ./*.deb files
      mv files "../$package"
    ) >&2 || die "$package couldn't be fetched and unpacked (messages are above)"
  done
}

# What the tests need.
test_packages() {
  install_packages build test
  unpack_packages unpacked
}

# As many compilers at once as there are processors, and 1.5 GB of memory for each.
build_jobs() {
  local memory
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo)
  local jobs
  jobs=$(nproc)
  if ((memory < jobs)); then jobs=$memory; fi
  if ((jobs < 1)); then jobs=1; fi
  echo "$jobs"
}

# build_preset PRESET [TARGET...]: configures and builds build/PRESET; all without targets.
build_preset() {
  local preset=$1 log=build/$1/configure.log
  shift
  mkdir -p "build/$preset"
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    die "cmake failed to configure build/$preset (its messages are above)"
  fi
  # A miss then costs no run of the preprocessor beside the compiler's own.
  export CCACHE_DEPEND=1
  say "building build/$preset"
  local targets=()
  if (($# > 0)); then targets=(--target "$@"); fi
  cmake --build "build/$preset" --parallel "$(build_jobs)" "${targets[@]}" >&2 ||
    die "the build failed (the compiler's messages are above)"
}
