# fuzz the parsers, and live front-ends (arguments: seconds for each, target)
verb_help "Usage: ./dev fuzz [SECONDS [TARGET]]
Runs each target of tests/fuzz for SECONDS (default: 60), or TARGET alone, under
AddressSanitizer and UndefinedBehaviorSanitizer; then sends nonsense to live front-ends
for as long (target: session), whose programs are built with both as well, in build/asan.
What is found is in build/fuzz/found/; inputs that reach new code are kept
in build/fuzz/corpus/." "$@"
seconds=${1:-60} only=${2:-}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "SECONDS: '$seconds' isn't a number of seconds"
install_packages build test fuzz

fuzz_parsers() {
  local wanted=restante_fuzz targets target status=0
  if [[ $only ]]; then wanted=${only}_fuzz; fi
  if [[ $only && ! -e tests/fuzz/${only}_fuzz.cc ]]; then
    die "'$only' isn't a target; there are: $(target_names) session"
  fi
  build_preset fuzz "$wanted"
  targets=${only:-$(target_names)}
  mkdir -p build/fuzz/found
  for target in $targets; do
    say "fuzz: $target, $seconds s"
    mkdir -p "build/fuzz/corpus/$target"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
      "build/fuzz/bin/${target}_fuzz" -max_total_time="$seconds" -max_len=8192 -verbosity=0 \
      -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" \
      "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1 || {
      tail -40 "build/fuzz/$target.log" >&2
      say "fuzz: $target: a finding, in build/fuzz/found/ (log: build/fuzz/$target.log)"
      status=1
      continue
    }
    awk '/number_of_executed_units/ {print "   " $2 " runs"}' "build/fuzz/$target.log" >&2
  done
  return $status
}

target_names() {
  local file
  for file in tests/fuzz/*_fuzz.cc; do basename "$file" _fuzz.cc; done | xargs
}

fuzz_sessions() {
  build_preset asan restante-storage restante-pop3d restante-lmtpd restantectl
  say "fuzz: sessions, $seconds s"
  RESTANTE_BIN=$root/build/asan/bin RESTANTE_SANITIZE=address,undefined \
    "$python" -B tests/fuzz/session_fuzz.py "$seconds"
}

status=0
if [[ $only != session ]]; then fuzz_parsers || status=1; fi
if [[ ! $only || $only == session ]]; then fuzz_sessions || status=1; fi
((status == 0)) || die "fuzzing has found something (above)"
say "fuzz: nothing found"
