package s3blob

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]Config{
		"s3://bodies":                                {Bucket: "bodies", Secure: true},
		"s3://bodies/":                               {Bucket: "bodies", Secure: true},
		"s3://bodies/mail":                           {Bucket: "bodies", Prefix: "mail/", Secure: true},
		"s3://bodies/a/b/?region=eu-central-1":       {Bucket: "bodies", Prefix: "a/b/", Region: "eu-central-1", Secure: true},
		"s3://bodies?path-style=true":                {Bucket: "bodies", Secure: true, PathStyle: true},
		"s3://b?endpoint=http://127.0.0.1:57480":     {Bucket: "b", Endpoint: "127.0.0.1:57480", PathStyle: true},
		"s3://b?endpoint=https://s3.example.org/":    {Bucket: "b", Endpoint: "s3.example.org", Secure: true, PathStyle: true},
		"s3://b?endpoint=http://h&path-style=false":  {Bucket: "b", Endpoint: "h"},
		"s3://b?endpoint=http%3A%2F%2F%5B%3A%3A1%5D": {Bucket: "b", Endpoint: "[::1]", PathStyle: true},
	} {
		c, err := Parse(url)
		if err != nil || c != want {
			t.Errorf("%s: %#v, %v", url, c, err)
		}
		if again, err := Parse(c.String()); err != nil || again != c {
			t.Errorf("%s: %s is %s, %v", url, c, again, err)
		}
	}
	for url, want := range map[string]string{
		"":                                     "not like s3://",
		"postgres://h/d":                       "not like s3://",
		"s3:bodies":                            "not like s3://",
		"s3:///mail":                           "no bucket",
		"s3://b?endpoint=127.0.0.1:80":         "endpoint is not like",
		"s3://b?endpoint=ftp://h":              "endpoint is not like",
		"s3://b?endpoint=http://h/path":        "endpoint is not like",
		"s3://b?path-style=perhaps":            "path-style is true or false",
		"s3://b?region=a&region=b":             "region is given twice",
		"s3://b?bucket=c":                      "unknown parameter",
		"s3://b?endpoint=http://h%zz":          "question mark",
		"s3://k:hush@b":                        accessKeyEnv,
		"s3://b?endpoint=http://k:hush@h":      accessKeyEnv,
		"s3://b?secret_key=hush":               secretKeyEnv,
		"s3://b?AWSAccessKeyId=hush":           accessKeyEnv,
		"s3://k:hush@b:port":                   "not like s3://",
		"s3://b?session-token=hush&region=hus": accessKeyEnv,
	} {
		if _, err := Parse(url); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v instead of %s", url, err, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Setenv(accessKeyEnv, "")
	if _, err := Open(Config{Bucket: "b"}); err == nil || !strings.Contains(err.Error(), secretKeyEnv) {
		t.Errorf("no credentials: %v", err)
	}
	t.Setenv(accessKeyEnv, "key")
	t.Setenv(secretKeyEnv, "secret")
	t.Setenv(sessionTokenEnv, "token")
	var c Config
	c.SetFromEnvironment()
	if c.AccessKey != "key" || c.SecretKey != "secret" || c.SessionToken != "token" {
		t.Error("not set from the environment")
	}
	c = Config{AccessKey: "other", SecretKey: "hush"}
	c.SetFromEnvironment()
	if c.AccessKey != "other" || c.SecretKey != "hush" || c.SessionToken != "" {
		t.Error("what the configuration has is replaced")
	}
}

// However a configuration is printed, or what holds it, the secrets are not.
func TestSecrets(t *testing.T) {
	c := Config{Bucket: "bodies", AccessKey: "k", SecretKey: "hush", SessionToken: "hush"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("open", "config", c, "pointer", &c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("open", "config", c, "pointer", &c, "in", struct{ C Config }{c})
	out := log.String() + fmt.Sprint(c, &c, struct{ C Config }{c}, []Config{c})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, struct{ C Config }{c})
	}
	if strings.Contains(out, "hush") || strings.Contains(out, fmt.Sprintf("%x", "hush")) || !strings.Contains(out, "s3://bodies") {
		t.Error(out)
	}
}

func TestConfig(t *testing.T) {
	for want, c := range map[string]Config{
		"no bucket":   {},
		"no less":     {Bucket: "b", AccessKey: "k", SecretKey: "s", PartSize: 1000},
		"credentials": {Bucket: "b", AccessKey: "k"},
		"silence":     {Bucket: "b", AccessKey: "k", SecretKey: "s", Silence: -1},
	} {
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v instead of %s", err, want)
		}
	}
	s, err := Open(Config{Bucket: "b", AccessKey: "k", SecretKey: "s", Prefix: "/mail"})
	if err != nil || s.config.Region != "us-east-1" || s.config.Prefix != "mail/" || s.config.Silence == 0 || s.config.PartSize == 0 {
		t.Errorf("%v, %v", s, err)
	}
	if code := errorCode(errors.New("x")); code != "" || answer(nil) != nil || isNotImplemented(nil) {
		t.Error("an answer without one")
	}
	if text := skew(&http.Response{Header: http.Header{}}); text != "" {
		t.Error(text)
	}
}
