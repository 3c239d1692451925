# run every test under ThreadSanitizer (arguments: ctest's)
verb_help "Usage: ./dev tsan [CTEST ARGUMENTS]
Builds build/tsan and runs the suite; any finding fails its test." "$@"
test_packages
build_preset tsan
ctest --preset tsan "$@"
