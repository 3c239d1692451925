# build everything into build/release (arguments: targets)
verb_help "Usage: ./dev build [TARGET...]
Installs what is missing and builds build/release with warnings as errors." "$@"
install_packages build
build_preset release "$@"
