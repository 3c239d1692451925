# check formatting, clang-tidy and clang's thread-safety analysis (arguments: files)
verb_help "Usage: ./dev lint [FILE.cc...]
clang-format over every source; clang-tidy with -Wthread-safety over every .cc file, or
over the ones given." "$@"
install_packages build lint

say "clang-format"
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' '*.proto' \
  ':!proto/google' ':!proto/grpc' |
  xargs -0 clang-format-14 --dry-run -Werror ||
  die "not formatted; ./dev format does it"

build_preset lint restante_generated
files=("$@")
if ((${#files[@]} == 0)); then
  mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cc')
fi
say "clang-tidy over ${#files[@]} files"
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p build/lint --quiet --warnings-as-errors='*' \
    2> >(grep -vE '^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' >&2) ||
  die "clang-tidy found something (above)"
say "lint: clean"
