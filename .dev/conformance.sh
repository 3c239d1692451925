# play the conformance suite against ours, and --against dovecot beside it
verb_help "Usage: ./dev conformance [--against dovecot] [--verbose] [--junit FILE] [CASE…]
Plays the dialogues of tests/conformance against the programs of this tree, and against
Debian's dovecot-pop3d if asked for, each as a private instance on loopback, and prints
both side by side. CASE is the beginning of a name, such as rfc1939/5-retr, or has stars." "$@"
install_packages build
if [[ " $* " == *" --against "* ]]; then install_packages bench; fi
build_preset release restante-storage restante-pop3d restante-lmtpd restantectl
export RESTANTE_BIN=$root/build/release/bin
cd "$RESTANTE_CALLER_DIR"
exec "$python" -B "$root/tests/conformance/compare.py" "$@"
