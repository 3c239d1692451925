// restante-deliver: hands a message from standard input to restante-lmtpd.
#include "plugins/deliver/program.h"

int main(int argc, char** argv) { return restante::deliver::Run(argc, argv); }
