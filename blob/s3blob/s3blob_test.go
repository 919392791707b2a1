package s3blob_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"restante/blob"
	"restante/blob/blobtest"
	"restante/blob/s3blob"
)

// serverEnv names a bucket of a server, as s3blob.Parse reads it, that the tests run on too. The keys
// are where every program that uses S3 looks for them.
const serverEnv = "RESTANTE_S3"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fake is a server in this process. It knows neither signatures nor keys.
func fake(t *testing.T) http.Handler {
	backend := s3mem.New()
	must(t, backend.CreateBucket("bodies"))
	return gofakes3.New(backend).Server()
}

// serve returns the configuration for a server.
func serve(t *testing.T, handler http.Handler) s3blob.Config {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := s3blob.Parse("s3://bodies/mail?endpoint=" + server.URL)
	must(t, err)
	c.AccessKey, c.SecretKey = "imapkey", "imapsecret"
	return c
}

func open(t *testing.T, c s3blob.Config) *s3blob.Store {
	s, err := s3blob.Open(c)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func Test(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		c := serve(t, fake(t))
		c.PartSize = 5 << 20 // so that there are uploads in parts
		return open(t, c)
	})
}

// TestServer runs on a server, when there is one.
func TestServer(t *testing.T) {
	url := os.Getenv(serverEnv)
	if url == "" {
		t.Logf("%s names no bucket", serverEnv)
		return
	}
	for _, size := range []int64{0, 5 << 20} {
		t.Run(map[int64]string{0: "whole", 5 << 20: "parts"}[size], func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				c, err := s3blob.Parse(url)
				must(t, err)
				c.SetFromEnvironment()
				c.PartSize = size
				return open(t, c)
			})
		})
	}
	t.Run("damaged", func(t *testing.T) {
		c, err := s3blob.Parse(url)
		must(t, err)
		c.SetFromEnvironment()
		s := open(t, c)
		key, read := blob.NewKey(20000, 7), 0
		body := readerAt(func(p []byte, offset int64) (int, error) {
			read += len(p)
			p[0] = byte(read / 1000) // for the hash, and then for the server
			return len(p), nil
		})
		if err := s.Put(t.Context(), key, body, 1000); err == nil {
			t.Error("the server has stored other octets than were signed")
		}
		if _, err := s.Open(t.Context(), key, 0); !errors.Is(err, blob.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("twice", func(t *testing.T) { // refused or not, but nothing else
		c, err := s3blob.Parse(url)
		must(t, err)
		c.SetFromEnvironment()
		s := open(t, c)
		key := blob.NewKey(20000, 7)
		must(t, s.Put(t.Context(), key, strings.NewReader("one"), 3))
		err = s.Put(t.Context(), key, strings.NewReader("two"), 3)
		if t.Logf("a key that is in use: %v", err); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		must(t, s.Delete(t.Context(), key))
	})
	t.Run("errors", func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*s3blob.Config)
			want   string
		}{
			"bucket": {func(c *s3blob.Config) { c.Bucket += "-nobody" }, "s3 mb s3://"},
			"key":    {func(c *s3blob.Config) { c.AccessKey = "nobody" }, "does not know the access key"},
			"secret": {func(c *s3blob.Config) { c.SecretKey = "guessed" }, "the secret key is not that of"},
		} {
			config, err := s3blob.Parse(url)
			must(t, err)
			config.SetFromEnvironment()
			c.change(&config)
			if err := open(t, config).Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), config.SecretKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
