# format the C++ sources in place
install_packages lint
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' '*.proto' |
  xargs -0 clang-format-14 -i
