# format the C++ sources in place
install_packages lint
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' '*.proto' \
  ':!proto/google' ':!proto/grpc' |
  xargs -0 clang-format-14 -i
