# build everything, warnings being errors, and run every test (arguments: ctest's)
verb_help "Usage: ./dev test [CTEST ARGUMENTS]
Such as ./dev test -R pop3d. Tests use ports that the kernel chooses, on loopback, and
temporary directories." "$@"
test_packages
build_preset release
ctest --preset release "$@"
