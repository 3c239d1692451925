# all that is too long for .ci/run: lint, sanitizers, crash, load and differential tests in full, fuzzing
verb_help "Usage: ./dev ci-full
The suite, its long forms (RESTANTE_LONG=1), lint, asan, tsan, and a minute of fuzzing for
each target, one after the other. Some hours on two processors." "$@"
"$root/dev" test
say "ci-full: crash, load, differential and conformance tests in full"
RESTANTE_LONG=1 ctest --preset release -R '^(e2e/(crash|mta_load)_test|differential|conformance/conformance_test)$'
for step in lint asan tsan fuzz; do
  say "ci-full: $step"
  "$root/dev" "$step"
done
say "ci-full: all passed"
