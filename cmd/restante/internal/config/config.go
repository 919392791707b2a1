// Package config reads the configuration file, of which client and server each have a part.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// File is the configuration file, in TOML. Both halves may be in one file.
//
// The tags of the fields are the reference that 'restante help config' prints: doc is what a key means,
// default what holds without it ("" when there is nothing), example a value to show where the default is
// none that can be written.
type File struct {
	DefaultAccount string             `toml:"default_account" example:"home" doc:"the account of client commands that name none, when there are several"`
	Accounts       map[string]Account `toml:"accounts" doc:"a login at an IMAP server; NAME is what --account takes"`
	Server         Server             `toml:"server" doc:"for 'restante serve', whose flags win, and for the commands on its data"`

	Path string `toml:"-"` // of the file
}

// Server is the [server] table. Flags of the command line win over it.
type Server struct {
	Data              string   `toml:"data" default:"/var/lib/restante for root, else ~/.local/share/restante" example:"/var/lib/restante" doc:"folder that holds the mail"`
	IMAP              string   `toml:"imap" default:":143" doc:"address for IMAP with STARTTLS; \"off\" for none, here and below"`
	IMAPS             string   `toml:"imaps" default:":993" doc:"address for IMAP over TLS"`
	LMTP              string   `toml:"lmtp" default:"127.0.0.1:24" doc:"address for LMTP, or the path of a Unix socket"`
	HTTP              string   `toml:"http" default:"off" doc:"address for /metrics and /healthz"`
	ProxyProtocolFrom []string `toml:"proxy_protocol_from" default:"none" example:"[\"127.0.0.1\", \"10.0.0.0/8\"]" doc:"addresses of proxies, which must begin with a header of the PROXY protocol, version 1 or 2; others begin without. Only list machines that you trust to tell the client's address"`
	ProxyProtocolOn   []string `toml:"proxy_protocol_on" default:"[\"imap\", \"imaps\"]" doc:"where proxies do so; there is lmtp too"`
	TLSCert           string   `toml:"tls_cert" default:"the server makes a certificate, which nobody trusts" example:"/etc/restante/mail.crt" doc:"file with the certificate chain, PEM"`
	TLSKey            string   `toml:"tls_key" example:"/etc/restante/mail.key" doc:"file with its private key, PEM"`
	AllowPlaintext    bool     `toml:"allow_plaintext" default:"false" doc:"take passwords without TLS from other machines too"`
	ClientCA          string   `toml:"client_ca" default:"none, and clients are asked for no certificate" example:"/etc/restante/clients.pem" doc:"file with the authorities, PEM, whose certificates let their owners log in without a password, by SASL's EXTERNAL; a certificate is good until it expires"`
	ClientName        string   `toml:"client_name" default:"cn" doc:"what in such a certificate is the user's name: cn, the common name of its subject, or email, an address among its alternative names"`
	Anonymous         string   `toml:"anonymous" default:"none" example:"guest" doc:"user whose mail everybody may read without a password, by SASL's ANONYMOUS, and not change"`
	SCRAMSHA1         bool     `toml:"scram_sha_1" default:"false" doc:"offer SCRAM-SHA-1 too, for clients that know no SCRAM-SHA-256. A user has keys for it from the next password that is set, or the next login that sends it; whoever steals them guesses passwords two to three times as fast"`
	Hostname          string   `toml:"hostname" default:"that of the machine" example:"mail.example.org" doc:"name by which the server goes"`
	Domains           []string `toml:"domains" default:"none, and mail for ann@ every domain is taken" example:"[\"example.org\"]" doc:"domains in which ann@ is the user ann, for mail and to log in"`
	Postmaster        string   `toml:"postmaster" default:"the only user" example:"ann" doc:"user who gets mail for postmaster"`
	Store             string   `toml:"store" default:"the mail is in the data folder" example:"postgres://restante@db1,db2/mail" doc:"database that holds the mail, of any number of machines; the password in $PGPASSWORD or ~/.pgpass. 'data' then has nothing that cannot be lost"`
	Blobs             string   `toml:"blobs" example:"s3://mail?endpoint=https://s3.example.org" doc:"object store for large bodies beside it, or file:///FOLDER; the keys in $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY"`
	NATS              string   `toml:"nats" default:"the database itself" example:"nats://nats1:4222,nats://nats2:4222" doc:"servers by which machines hear of each other's changes"`
	Directory         string   `toml:"directory" default:"that of the first cell" example:"postgres://restante@db0/directory" doc:"database that knows the users, and in which cell their mail is"`
	LogLevel          string   `toml:"log_level" default:"info" doc:"debug, info, warn or error"`
	Limits            Limits   `toml:"limits" doc:"what one client, or one message, can take"`
	Quota             Quota    `toml:"quota" doc:"what a user may use who is added from now on; 'restante user quota' tells and changes what one may"`
	Cells             []Cell   `toml:"cells" doc:"instead of store, blobs and nats, when one database is not enough: one table for each cell, the same on all machines. New users go to the first that is not full"`
}

// Cell is a [[server.cells]] table: a database and an object store, which hold the mail of some users.
type Cell struct {
	Name          string `toml:"name" example:"north" doc:"what the directory calls it, for ever"`
	Store         string `toml:"store" example:"postgres://restante@db1,db2/mail" doc:"its database, as in [server]"`
	Blobs         string `toml:"blobs" example:"s3://mail?endpoint=https://s3.example.org" doc:"its object store, as in [server]"`
	NATS          string `toml:"nats" default:"the database itself" example:"nats://nats1:4222" doc:"as in [server]"`
	AccessKeyFile string `toml:"access_key_file" default:"$AWS_ACCESS_KEY_ID" example:"/etc/restante/s3.access" doc:"file with the access key of the object store"`
	SecretKeyFile string `toml:"secret_key_file" default:"$AWS_SECRET_ACCESS_KEY" example:"/etc/restante/s3.secret" doc:"file with its secret key"`
	Full          bool   `toml:"full" default:"false" doc:"it gets no new users"`
}

// IsShared reports whether the mail is in databases, and not in the data folder.
func (c *Server) IsShared() bool { return c.Store != "" || len(c.Cells) > 0 }

// Limits is the [server.limits] table; what is left out has its default.
type Limits struct {
	LineLength          int      `toml:"line_length" default:"65536" doc:"octets of a command without its literals"`
	CommandLiterals     int64    `toml:"command_literals" default:"1048576" doc:"octets of all literals of a command but a message"`
	AppendLimit         int64    `toml:"append_limit" default:"128 MiB by IMAP, 50 MiB by LMTP" example:"134217728" doc:"octets of a message"`
	History             int      `toml:"history" default:"1048576" doc:"octets for each mailbox in which it is kept what was expunged, 16 a run of UIDs; who comes back after more reads all anew"`
	DatabaseConnections int      `toml:"database_connections" default:"16" doc:"connections to each database"`
	BodyInDatabase      int      `toml:"body_in_database" default:"16384" doc:"octets up to which a body is kept in the database and not as an object"`
	BodyCache           int64    `toml:"body_cache" default:"1073741824" doc:"octets of objects that are kept in the data folder, for each cell"`
	CommandsBeforeAuth  int      `toml:"commands_before_login" default:"32" doc:"commands of a connection that is not logged in"`
	ErrorsBeforeAuth    int      `toml:"errors_before_login" default:"3" doc:"errors that end a connection that is not logged in: syntax errors and failed logins, which count alike"`
	Errors              int      `toml:"errors" default:"50" doc:"syntax errors in a row that end any connection"`
	ConnsPerAddr        int      `toml:"connections_per_address" default:"1000" doc:"connections from one address"`
	ConnsPerUser        int      `toml:"connections_per_user" default:"200" doc:"connections of one user"`
	AuthTimeout         Duration `toml:"login_timeout" default:"3m" doc:"time until the login has succeeded"`
	IdleTimeout         Duration `toml:"idle_timeout" default:"30m" doc:"time without a command, or with nothing new in IDLE"`
	WriteTimeout        Duration `toml:"write_timeout" default:"5m" doc:"time without a written octet getting through"`
}

// Quota is the [server.quota] table; what is left out, or 0, is not limited.
type Quota struct {
	Storage     int64 `toml:"storage" default:"no limit" example:"10737418240" doc:"octets of all messages"`
	Messages    int64 `toml:"messages" default:"no limit" example:"1000000" doc:"number of messages"`
	Mailboxes   int64 `toml:"mailboxes" default:"no limit" example:"1000" doc:"number of mailboxes, INBOX included"`
	Annotations int64 `toml:"annotations" default:"no limit" example:"1048576" doc:"octets of annotations"`
	SetByUser   bool  `toml:"set_by_user" default:"false" doc:"let users set their own limits, by IMAP's SETQUOTA"`
}

// Duration is a time.Duration written as "30m".
type Duration time.Duration

// UnmarshalText parses the form of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		err = errors.New("a duration must be positive, like \"30m\"")
	}
	*d = Duration(v)
	return err
}

// Account is an [accounts.NAME] table: one login at one IMAP server.
type Account struct {
	URL  string `toml:"url" example:"imaps://imap.example.org" doc:"imaps://[USER@]HOST[:PORT], or imap:// which begins without TLS and must get it; needed"`
	User string `toml:"user" default:"the one in the URL" example:"ann" doc:"name to log in by"`

	// Where the password comes from.
	PasswordCommand string `toml:"password_command" default:"the password is asked for, or in $RESTANTE_PASSWORD when the account is the only one in use" example:"pass show mail/home" doc:"command for sh whose first line of output is the password"`
	PasswordEnv     string `toml:"password_env" example:"HOME_PASSWORD" doc:"name of an environment variable with the password"`
	Password        string `toml:"password" example:"..." doc:"the password itself; chmod 600 the file then"`

	CAFile         string `toml:"cafile" default:"those that the system trusts" example:"~/home-ca.pem" doc:"file of certificates to trust, PEM"`
	AllowPlaintext bool   `toml:"allow_plaintext" default:"false" doc:"send the password although nothing is encrypted"`
	TLSSkipVerify  bool   `toml:"tls_skip_verify" default:"false" doc:"take any certificate, so that anybody can listen in"`

	Roles Roles `toml:"roles" doc:"mailboxes with a role, as 'restante ls' shows their names"`
}

// Roles is an [accounts.NAME.roles] table: names of mailboxes, as 'restante ls' shows them.
type Roles struct {
	Archive string `toml:"archive" default:"as the server says, else by the usual names, like Archive or Archiv" example:"Archive" doc:"for mail that is kept"`
	Drafts  string `toml:"drafts" default:"likewise" example:"Drafts" doc:"for drafts"`
	Junk    string `toml:"junk" default:"likewise" example:"Spam" doc:"for spam"`
	Sent    string `toml:"sent" default:"likewise" example:"Sent" doc:"for mail that was sent"`
	Trash   string `toml:"trash" default:"likewise" example:"Trash" doc:"for deleted mail, where 'restante rm' moves it"`
}

// Load reads a configuration file. An unknown key is an error: it is a misspelt one.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := File{Path: path}
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		// Not the texts of the library: they quote lines of the file, where passwords may stand.
		var strict *toml.StrictMissingError
		var wrong *toml.DecodeError
		switch {
		case errors.As(err, &strict) && len(strict.Errors) > 0:
			e := strict.Errors[0]
			row, _ := e.Position()
			return nil, fmt.Errorf("%s:%d: unknown key %s", path, row, strings.Join(e.Key(), "."))
		case errors.As(err, &wrong):
			row, col := wrong.Position()
			return nil, fmt.Errorf("%s:%d:%d: %w", path, row, col, wrong)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

// PathVariable is the environment variable that names the configuration file of client commands.
const PathVariable = "RESTANTE_CONFIG"

// DefaultPath is where the configuration is looked for when none is named.
func DefaultPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "restante", "config.toml")
}

// Find reads the named file, the one that PathVariable names, or the one at the usual place; that one
// need not exist.
func Find(path string) (*File, error) {
	if path == "" {
		path = os.Getenv(PathVariable)
	}
	if path != "" {
		return Load(path)
	}
	if path = DefaultPath(); path == "" {
		return &File{Path: "a configuration file"}, nil
	}
	c, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Path: path}, nil
	}
	return c, err
}

// AccountNames returns the names in the configuration, sorted.
func (c *File) AccountNames() []string {
	names := make([]string, 0, len(c.Accounts))
	for name := range c.Accounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ExpandHome replaces a leading "~/".
func ExpandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return home + "/" + rest
		}
	}
	return path
}

// DefaultData is where a server keeps mail when no folder is named.
func DefaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/restante"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "restante")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "restante-data"
	}
	return filepath.Join(home, ".local", "share", "restante")
}
