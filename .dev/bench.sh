# measure against Dovecot on this machine (arguments: the benchmark's, see --help)
install_packages build test bench
build_preset release
export RESTANTE_BIN=$root/build/release/bin
cd "$RESTANTE_CALLER_DIR"
exec "$python" "$root/tests/bench/run.py" "$@"
