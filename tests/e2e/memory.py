"""How much memory a program has, as Linux tells (proc(5)), and when it has nothing more to
read. All figures are octets; `server` is a Server of the harness.
"""


def resident(server):
    return _field(server, "status", "VmRSS")


def peak(server):
    """The most that was resident since the start, or since begin_peak()."""
    return _field(server, "status", "VmHWM")


def begin_peak(server):
    """What is resident now; peak() grows from here."""
    with open("/proc/%d/clear_refs" % server.pid, "w") as file:
        file.write("5")
    return resident(server)


def pss(server):
    """The proportional set: pages that are shared count in part."""
    return _field(server, "smaps_rollup", "Pss")


def nothing_unread(port):
    """Whether a server on this TCP port has read all that was sent to it: neither clients'
    queues nor its own have anything (proc_net_tcp.txt of the kernel)."""
    ESTABLISHED = "01"
    with open("/proc/net/tcp") as file:
        next(file)
        for line in file:
            local, remote, state, queues = line.split()[1:5]
            sending, receiving = (int(octets, 16) for octets in queues.split(":"))
            if state == ESTABLISHED and (
                    _port(local) == port and receiving or _port(remote) == port and sending):
                return False
    return True


def _port(address):
    return int(address.split(":")[1], 16)


def _field(server, name, field):
    with open("/proc/%d/%s" % (server.pid, name)) as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no " + field)
