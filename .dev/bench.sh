# measure against Dovecot, Cyrus and Courier on this machine (--quick: 3 minutes)
for argument in "$@"; do
  if [[ $argument == --help || $argument == -h ]]; then
    exec "$python" -B "$root/tests/bench/run.py" --help
  fi
done
install_packages build test bench measure
unpack_packages rivals
build_preset release restante-storage restante-pop3d restante-lmtpd restantectl \
  restante-load restante-load-api engine_bench scale_bench
export RESTANTE_BIN=$root/build/release/bin
cd "$RESTANTE_CALLER_DIR"
exec "$python" -B "$root/tests/bench/run.py" "$@"
