# measure against Dovecot on this machine (arguments: the benchmark's)
install_packages build test bench
build_preset release
RESTANTE_BIN=$root/build/release/bin exec "$python" tests/bench/run.py "$@"
