# run every test under AddressSanitizer and UndefinedBehaviorSanitizer (arguments: ctest's)
verb_help "Usage: ./dev asan [CTEST ARGUMENTS]
Builds build/asan and runs the suite; any finding fails its test." "$@"
test_packages
build_preset asan
ctest --preset asan "$@"
