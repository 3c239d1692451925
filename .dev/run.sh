# build, start everything on loopback and print READY with the ports
verb_help "Usage: ./dev run [--background] [--dir DIR] [--pop3-port N] [--pop3s-port N]
                 [--lmtp-port N] [--grpc-port N] [--no-demo]
Installs what is missing, builds, and runs the storage service, the POP3 front-end and
the LMTP server on 127.0.0.1, with data, configuration, certificate and logs in DIR
(default: run/). Ctrl-C stops them in order; ./dev stop [--dir DIR] stops a background
run. Port 0 takes any free port. The account demo@example.org (password: demo) gets a
few sample messages, unless --no-demo. What was delivered stays from run to run.
RESTANTE_BIN names a directory of programs to run instead of building them." "$@"
if [[ -z ${RESTANTE_BIN:-} ]]; then
  install_packages build
  build_preset release restante-storage restante-pop3d restante-lmtpd restantectl
  export RESTANTE_BIN=$root/build/release/bin
fi
exec "$python" .dev/run.py "$@"
