package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/servertest"
)

// scramPlus logs in by SCRAM-SHA-256-PLUS, bound to the server's certificate, as a client would that has
// nothing of ours.
const scramPlus = `
import base64, hashlib, hmac, imaplib, ssl, sys
host, port, user, password, ca, right = sys.argv[1:7]
c = imaplib.IMAP4_SSL(host, int(port), ssl_context=ssl.create_default_context(cafile=ca))
assert 'AUTH=SCRAM-SHA-256-PLUS' in c.capabilities, c.capabilities
header = b'p=tls-server-end-point,,'
binding = hashlib.sha256(c.sock.getpeercert(True)).digest()
if right == 'no':
    binding = bytes(32)
bare = b'n=' + user.encode() + b',r=rOprNGfwEbeRWgbNEkqO'
mac = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()
want = None
def answer(challenge):
    global want
    if not challenge:
        return header + bare
    if challenge.startswith(b'v='):
        assert base64.b64decode(challenge[2:]) == want
        return b''
    fields = dict(f.split(b'=', 1) for f in challenge.split(b','))
    salted = hashlib.pbkdf2_hmac('sha256', password.encode(), base64.b64decode(fields[b's']), int(fields[b'i']))
    key = mac(salted, b'Client Key')
    final = b'c=' + base64.b64encode(header + binding) + b',r=' + fields[b'r']
    message = bare + b',' + challenge + b',' + final
    proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), message)))
    want = mac(mac(salted, b'Server Key'), message)
    return final + b',p=' + base64.b64encode(proof)
c.authenticate('SCRAM-SHA-256-PLUS', answer)
print(c.select('INBOX')[0])
c.logout()
`

// TestSCRAMPlusImaplib has Python's imaplib log in by SCRAM-SHA-256-PLUS.
func TestSCRAMPlusImaplib(t *testing.T) {
	python := servertest.Need(t, "python3", "python3")
	s := start(t)
	script := writeFile(t, filepath.Join(t.TempDir(), "scram.py"), scramPlus)
	args := []string{script, "localhost", portOf(s.IMAPSAddr), user, password, s.CertFile}
	contains(t, run(t, python, append(args, "yes")...), "OK")
	if out, err := try(t, python, append(args, "no")...); err == nil || !strings.Contains(out, "AUTHENTICATIONFAILED") {
		t.Errorf("bound to another certificate: %v\n%s", err, out)
	}
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// TestExternalCurl has curl log in by EXTERNAL with a certificate that names an address of the user.
func TestExternalCurl(t *testing.T) {
	bin := servertest.Need(t, "curl", "curl")
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a laptop"}, NotAfter: time.Now().Add(time.Hour),
		EmailAddresses: []string{user + "@example.org"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	write := func(name, kind string, der []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return writeFile(t, filepath.Join(dir, name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	caFile := write("ca.crt", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	certFile := write("ann.crt", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	keyFile := write("ann.key", "PRIVATE KEY", der, err)
	config := writeFile(t, filepath.Join(dir, "server.toml"), "[server]\nclient_ca = \""+caFile+"\"\nclient_name = \"email\"\ndomains = [\"example.org\"]\n")
	s := servertest.Start(t, filepath.Join(dir, "data"), "--config", config)
	s.AddUser(t, user, password)
	url := "imaps://localhost:" + portOf(s.IMAPSAddr)
	args := []string{"-sS", "-v", "--cacert", s.CertFile, "-u", user + ":", "--login-options", "AUTH=EXTERNAL", url}
	contains(t, run(t, bin, append(args, "--cert", certFile, "--key", keyFile)...), "AUTHENTICATE EXTERNAL", `"/" INBOX`)
	if out, err := try(t, bin, args...); err == nil {
		t.Errorf("without a certificate: %s", out)
	}
	contains(t, run(t, bin, "-sS", "--cacert", s.CertFile, "-u", user+":"+password, url), `"/" INBOX`)
}
