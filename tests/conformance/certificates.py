"""Certificates for clients: an authority of our own, and what it signs."""

import os
import subprocess
import tempfile

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="restante-authority-")
        self.certificate_file = self._path("authority.pem")
        self._key_file = self._path("authority.key")
        _openssl("req", "-x509", *CURVE, "-days", "30", "-subj", "/CN=authority",
                 "-addext", "keyUsage=critical,keyCertSign",
                 "-keyout", self._key_file, "-out", self.certificate_file)

    def _path(self, name):
        return os.path.join(self._directory.name, name)

    def certificate_for(self, address, signed=True):
        """Files of a certificate that names the address, and of its key. Not signed by
        this authority: by itself, as a stranger would."""
        base = tempfile.mkdtemp(dir=self._directory.name)
        certificate, key = os.path.join(base, "cert.pem"), os.path.join(base, "key.pem")
        signer = ["-CA", self.certificate_file, "-CAkey", self._key_file] if signed else []
        _openssl("req", "-x509", *CURVE, *signer, "-days", "30", "-subj", "/CN=client",
                 "-addext", "subjectAltName=email:" + address,
                 "-addext", "basicConstraints=critical,CA:FALSE",
                 "-addext", "extendedKeyUsage=clientAuth",
                 "-keyout", key, "-out", certificate)
        return certificate, key

    def close(self):
        self._directory.cleanup()


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
