package s3blob_test

import (
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
