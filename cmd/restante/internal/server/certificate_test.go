package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/cmd/restante/internal/config"
)

// TestDamagedSelfSigned makes a pair anew that a power cut has emptied, halved or mismatched, and says
// so; a good one stays.
func TestDamagedSelfSigned(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "self-signed.crt"), filepath.Join(dir, "self-signed.key")
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	load := func() string {
		t.Helper()
		if _, err := certificateFiles(config.Server{Data: dir}, "mail.example.org", log); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := load()
	if load() != first || said.Len() > 0 {
		t.Errorf("a good certificate is not kept; %s", &said)
	}
	otherCert, otherKey, err := newSelfSigned("other.example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct {
		what, path string
		text       []byte
	}{
		{"empty certificate", cert, nil},
		{"half a certificate", cert, otherCert[:len(otherCert)/2]},
		{"empty key", key, nil},
		{"another's key", key, otherKey},
	} {
		said.Reset()
		before := load()
		if err := os.WriteFile(damage.path, damage.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if load() == before {
			t.Errorf("%s: no new certificate", damage.what)
		}
		if !strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), "damaged") {
			t.Errorf("%s: says %q", damage.what, &said)
		}
	}
}

// TestSecretKey keeps the key, and refuses one that a power cut has emptied or cut short.
func TestSecretKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.key")
	first, err := secretKey(path)
	if err != nil || len(first) != 32 {
		t.Fatal(first, err)
	}
	if again, err := secretKey(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("%x, then %x, %v", first, again, err)
	}
	for _, damaged := range [][]byte{nil, first[:31], append(first, 'x')} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secretKey(path); err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "restore it") {
			t.Errorf("%d octets: %v", len(damaged), err)
		}
	}
}
