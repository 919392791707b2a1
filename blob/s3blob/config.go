package s3blob

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config says where a bucket is, and who asks. However it is printed, its secrets are not.
type Config struct {
	Endpoint  string // host:port or host; "" is Amazon's of the region
	Region    string // "" is us-east-1, which servers other than Amazon's accept
	Bucket    string
	Prefix    string // of all keys, "" or ending in a slash
	Secure    bool   // TLS; Amazon's endpoint has it always
	PathStyle bool   // the bucket is in the path and not in the name of the host

	AccessKey    string
	SecretKey    string `json:"-"`
	SessionToken string `json:"-"` // that goes with temporary keys; "" for others

	// RootCAs are those that the server's certificate is checked with, nil for the system's.
	RootCAs *x509.CertPool `json:"-"`
	// Silence is how long the server may send nothing and take nothing before a connection to it is
	// given up; 0 is 30 s.
	Silence time.Duration
	// PartSize is how many octets a request carries; larger objects are uploaded in parts. 0 is
	// 32 MiB, and less than 5 MiB is refused, as S3 refuses such parts.
	PartSize int64
}

const (
	defaultRegion   = "us-east-1"
	defaultSilence  = 30 * time.Second
	defaultPartSize = 32 << 20
	minPartSize     = 5 << 20
	maxParts        = 10_000
)

// The names that credentials have in the environment, as with every other program that uses S3.
const (
	accessKeyEnv    = "AWS_ACCESS_KEY_ID"
	secretKeyEnv    = "AWS_SECRET_ACCESS_KEY"
	sessionTokenEnv = "AWS_SESSION_TOKEN"
)

var errCredentials = errors.New("s3blob: credentials do not belong into the URL, where logs and lists of processes show them: " +
	"set " + accessKeyEnv + " and " + secretKeyEnv + " in the environment, or name files with them in the configuration")

// Parse reads s3://bucket/prefix?endpoint=http://host:port&region=name&path-style=true. Without an
// endpoint it is Amazon's; with one, buckets are in the path unless path-style is false. The keys are
// not in the URL: SetFromEnvironment. Errors do not repeat the URL, in case a secret is there.
func Parse(s string) (Config, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "s3" || u.Opaque != "" {
		return Config{}, errors.New("s3blob: not like s3://bucket/prefix?endpoint=http://host:port&region=name")
	}
	if u.User != nil {
		return Config{}, errCredentials
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, errors.New("s3blob: what follows the question mark is not like endpoint=http://host:port&region=name")
	}
	c := Config{Bucket: u.Host, Prefix: prefix(u.Path), Region: query.Get("region"), Secure: true}
	if c.Bucket == "" {
		return Config{}, errors.New("s3blob: no bucket is named: s3://bucket/prefix")
	}
	if endpoint := query.Get("endpoint"); endpoint != "" {
		if c.Endpoint, c.Secure, err = parseEndpoint(endpoint); err != nil {
			return Config{}, err
		}
		c.PathStyle = true
	}
	for name, values := range query {
		switch name {
		case "endpoint", "region":
		case "path-style":
			if c.PathStyle, err = strconv.ParseBool(values[0]); err != nil {
				return Config{}, errors.New("s3blob: path-style is true or false")
			}
		default:
			if lower := strings.ToLower(name); strings.Contains(lower, "key") || strings.Contains(lower, "secret") || strings.Contains(lower, "token") {
				return Config{}, errCredentials
			}
			return Config{}, fmt.Errorf("s3blob: unknown parameter %.40q: there are endpoint, region and path-style", name)
		}
		if len(values) > 1 {
			return Config{}, fmt.Errorf("s3blob: %s is given twice", name)
		}
	}
	return c, nil
}

// prefix is a path without a slash at its beginning and with one at its end.
func prefix(path string) string {
	if path = strings.Trim(path, "/"); path == "" {
		return ""
	}
	return path + "/"
}

func parseEndpoint(s string) (host string, secure bool, err error) {
	u, err := url.Parse(s)
	if err == nil && u.User != nil {
		return "", false, errCredentials
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false, errors.New("s3blob: the endpoint is not like http://host:port or https://host")
	}
	return u.Host, u.Scheme == "https", nil
}

// SetFromEnvironment sets keys that are not set from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN.
func (c *Config) SetFromEnvironment() {
	if c.AccessKey == "" && c.SecretKey == "" {
		c.AccessKey, c.SecretKey, c.SessionToken = os.Getenv(accessKeyEnv), os.Getenv(secretKeyEnv), os.Getenv(sessionTokenEnv)
	}
}

// complete sets what was left open, and refuses what cannot be.
func (c *Config) complete() error {
	switch {
	case c.Bucket == "":
		return errors.New("s3blob: no bucket is named")
	case c.AccessKey == "" || c.SecretKey == "":
		return errors.New("s3blob: there are no credentials for bucket " + c.Bucket + ": set " + accessKeyEnv + " and " + secretKeyEnv +
			" in the environment, or name files with them in the configuration")
	case c.PartSize != 0 && c.PartSize < minPartSize:
		return fmt.Errorf("s3blob: parts of %d octets: S3 takes no less than %d", c.PartSize, minPartSize)
	case c.Silence < 0:
		return fmt.Errorf("s3blob: a silence of %v", c.Silence)
	}
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.Silence == 0 {
		c.Silence = defaultSilence
	}
	if c.PartSize == 0 {
		c.PartSize = defaultPartSize
	}
	c.Prefix = prefix(c.Prefix)
	return nil
}

// url is where requests go.
func (c *Config) url() string {
	switch {
	case c.Endpoint == "":
		return "https://s3." + c.Region + ".amazonaws.com"
	case c.Secure:
		return "https://" + c.Endpoint
	}
	return "http://" + c.Endpoint
}

// String is the URL that Parse reads.
func (c Config) String() string {
	u := url.URL{Scheme: "s3", Host: c.Bucket, Path: "/" + c.Prefix}
	query := url.Values{}
	if c.Endpoint != "" {
		query.Set("endpoint", c.url())
	}
	if c.Region != "" {
		query.Set("region", c.Region)
	}
	if byDefault := c.Endpoint != ""; c.PathStyle != byDefault {
		query.Set("path-style", strconv.FormatBool(c.PathStyle))
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// Format prints String, whatever the verb: %+v and %#v would print the secrets.
func (c Config) Format(w fmt.State, verb rune) { io.WriteString(w, c.String()) }

// LogValue logs String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
