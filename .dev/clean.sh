# remove what was built (build/); mail under run/ stays
rm -rf build
say "removed build/"
