// Package dovecottest runs a throw-away Dovecot for tests: one user in a passwd-file, mail in sdbox
// format in a temporary folder, IMAP, IMAPS and LMTP on loopback ports that the kernel chose.
package dovecottest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// RequirePeers is the environment variable that, set to 1, makes a missing Dovecot a failure.
const RequirePeers = "RESTANTE_REQUIRE_PEERS"

// Server is a running Dovecot. It ends with the test that started it.
type Server struct {
	IMAPAddr  string // plain text, STARTTLS offered, LOGIN allowed
	IMAPSAddr string // TLS from the start
	LMTPAddr  string
	User      string
	Password  string
	TLSConfig *tls.Config // trusts the server's own certificate
	Dir       string      // its base; the log is in Dir/dovecot.log
}

// Start runs Dovecot. The test is skipped when no dovecot binary is installed, or fails when
// RESTANTE_REQUIRE_PEERS is 1. settings are added to the configuration.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin, err := find()
	if err != nil {
		if os.Getenv(RequirePeers) == "1" {
			t.Fatalf("dovecot is needed: %v; install dovecot-imapd and dovecot-lmtpd", err)
		}
		t.Skipf("no dovecot here: %v; install dovecot-imapd and dovecot-lmtpd to run this test", err)
	}
	// Not t.TempDir: its path is made of the test's name, and Unix sockets in it get too long.
	dir, err := os.MkdirTemp("", "dovecot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{User: "ann@example.org", Password: "correct horse", Dir: dir}
	if err := s.configure(settings); err != nil {
		t.Fatal(err)
	}
	s.run(t, bin)
	return s
}

func find() (string, error) {
	if bin, err := exec.LookPath("dovecot"); err == nil {
		return bin, nil
	}
	return exec.LookPath("/usr/sbin/dovecot")
}

// run starts the process and waits until it answers, or has ended.
func (s *Server) run(t testing.TB, bin string) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(bin, "-F", "-c", filepath.Join(s.Dir, "dovecot.conf"))
	cmd.Stderr, cmd.Stdout = &stderr, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // also when the test panics
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "dovecot.log"))
			t.Logf("dovecot's log:\n%s", log)
		}
	})
	for greets(s.IMAPAddr) != nil {
		select {
		case werr := <-gone:
			gone <- werr
			t.Fatalf("dovecot ended: %v\n%s%s", werr, stderr.Bytes(), s.log())
		default:
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.makeInbox(t)
}

// makeInbox opens INBOX once. Dovecot makes it, and the mailboxes of its configuration, for whoever is first:
// several connections that were first together could block each other ("Resource deadlock avoided").
func (s *Server) makeInbox(t testing.TB) {
	t.Helper()
	c, err := net.Dial("tcp", s.IMAPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "a LOGIN %q %q\r\nb SELECT INBOX\r\nc LOGOUT\r\n", s.User, s.Password)
	said, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(said, []byte("\r\nb OK")) {
		t.Fatalf("dovecot: opening INBOX: %v\n%s%s", err, said, s.log())
	}
}

func (s *Server) log() []byte {
	log, _ := os.ReadFile(filepath.Join(s.Dir, "dovecot.log"))
	return log
}

func greets(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = c.Read(make([]byte, 4))
	return err
}

const config = `
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/dovecot.log
instance_name = {{.Dir}}
protocols = imap lmtp
listen = 127.0.0.1
default_login_user = {{.LoginUser}}
default_internal_user = {{.User}}
default_internal_group = {{.Group}}
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {{.UID}}
mail_gid = {{.GID}}
mail_home = {{.Dir}}/mail/%u
mail_location = sdbox:~/sdbox
mail_max_userip_connections = 0
default_client_limit = 20000
default_process_limit = 2000
default_vsz_limit = 0
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256
auth_cache_size = 0
auth_failure_delay = 0
ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
ssl_dh =
mail_plugins =
stats_writer_socket_path =
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {{.Dir}}/users
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/mail/%u
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Drafts {
    auto = create
    special_use = \Drafts
  }
  mailbox Sent {
    auto = create
    special_use = \Sent
  }
  mailbox Trash {
    auto = create
    special_use = \Trash
  }
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = {{.IMAP}}
  }
  inet_listener imaps {
    port = {{.IMAPS}}
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = {{.LMTP}}
  }
}
{{range .More}}{{.}}
{{end}}`

func (s *Server) configure(more []string) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	addr := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	s.IMAPAddr, s.IMAPSAddr, s.LMTPAddr = addr(0), addr(1), addr(2)
	cert, key, pool, err := certificate()
	if err != nil {
		return err
	}
	s.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	login, internal, group, err := users()
	if err != nil {
		return err
	}
	var conf bytes.Buffer
	err = template.Must(template.New("").Parse(config)).Execute(&conf, map[string]any{
		"Dir": s.Dir, "LoginUser": login, "User": internal.Username, "Group": group,
		"UID": internal.Uid, "GID": internal.Gid,
		"IMAP": ports[0], "IMAPS": ports[1], "LMTP": ports[2], "More": more,
	})
	if err != nil {
		return err
	}
	// The mail folder belongs to the user that mail processes run as; the rest is only read.
	uid, _ := strconv.Atoi(internal.Uid)
	gid, _ := strconv.Atoi(internal.Gid)
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.Dir, "mail"), 0o700); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(s.Dir, "mail"), uid, gid); err != nil {
			return err
		}
	}
	for name, f := range map[string]struct {
		data []byte
		mode os.FileMode
	}{
		"dovecot.conf": {conf.Bytes(), 0o644},
		"users":        {fmt.Appendf(nil, "%s:%s\n", s.User, s.Password), 0o644},
		"cert.pem":     {cert, 0o644},
		"key.pem":      {key, 0o600},
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), f.data, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// users returns the accounts to run as: Dovecot's own where there are such and we are root,
// otherwise nobody's, or the one that runs the test.
func users() (login string, internal *user.User, group string, err error) {
	if os.Getuid() != 0 {
		u, err := user.Current()
		if err != nil {
			return "", nil, "", err
		}
		g, err := user.LookupGroupId(u.Gid)
		if err != nil {
			return "", nil, "", err
		}
		return u.Username, u, g.Name, nil
	}
	first := func(names ...string) (*user.User, error) {
		var last error
		for _, n := range names {
			u, err := user.Lookup(n)
			if err == nil {
				return u, nil
			}
			last = err
		}
		return nil, last
	}
	l, err := first("dovenull", "nobody")
	if err != nil {
		return "", nil, "", err
	}
	u, err := first("dovecot", "daemon")
	if err != nil {
		return "", nil, "", err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return "", nil, "", err
	}
	return l.Username, u, g.Name, nil
}

// freePorts returns ports that were free a moment ago; all are held until the last is chosen, so
// that they differ.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// certificate makes a self-signed certificate for localhost and 127.0.0.1, and the pool that
// trusts it.
func certificate() (cert, key []byte, pool *x509.CertPool, err error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, priv.Public(), priv)
	if err != nil {
		return nil, nil, nil, err
	}
	pk, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cert) {
		return nil, nil, nil, fmt.Errorf("dovecottest: own certificate is not usable")
	}
	return cert, key, pool, nil
}
