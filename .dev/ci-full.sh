# all that is too long for .ci/run: test, lint, asan, tsan
for step in test lint asan tsan; do
  say "ci-full: $step"
  "$root/dev" "$step"
done
say "ci-full: all passed"
