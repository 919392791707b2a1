package config

import "github.com/spf13/cobra"

// NewHelp is a page of the manual: 'restante help config'.
func NewHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "The configuration file",
		Long: `The configuration file is in TOML. Client commands read ` + DefaultPath() + `,
or the file that --config names; the server reads the one that --config names.

  default_account = "home"           # of several, when a command names none

  [accounts.home]
  url = "imaps://ann@imap.example.org"   # imap:// begins without TLS and must get it
  password_command = "pass show mail/home"

  [accounts.work]
  url = "imaps://mail.example.com:1993"
  user = "ann@example.com"           # if it is not in the URL
  password_env = "WORK_PASSWORD"     # the name of an environment variable
  # password = "..."                 # in the file: chmod 600
  cafile = "~/work-ca.pem"           # certificates to trust instead of the system's
  # allow_plaintext = true           # sends the password although nothing is encrypted
  # tls_skip_verify = true           # takes any certificate, so that anybody can listen in

  [server]                           # flags of 'restante serve' win
  data = "/var/lib/restante"
  imap = ":143"                      # addresses; "off" for none
  imaps = ":993"
  lmtp = "/run/restante/lmtp.sock"
  http = "127.0.0.1:9143"
  proxy_protocol_from = ["127.0.0.1", "10.0.0.0/8"]   # proxies, which must begin with a header of the
                                     # PROXY protocol, version 1 or 2; others begin without. Only list
                                     # machines that you trust to tell the client's address
  proxy_protocol_on = ["imap", "imaps"]   # where they do so; this is the default, there is lmtp too
  tls_cert = "/etc/restante/mail.crt"
  tls_key = "/etc/restante/mail.key"
  allow_plaintext = false
  hostname = "mail.example.org"
  domains = ["example.org"]          # in these ann@ is the user ann, for mail and to log in; left
                                     # out: mail for ann@ every domain is taken
  postmaster = "ann"                 # gets mail for postmaster; left out: the only user
  log_level = "info"

  [server.limits]                    # what is left out has its default
  line_length = 65536                # octets
  command_literals = 1048576
  append_limit = 134217728           # octets of a message; without it 128 MiB, by LMTP 50
  history = 1048576                  # octets for each mailbox in which it is kept what was expunged,
                                     # 16 a run of UIDs; who comes back after more reads all anew
  commands_before_login = 32
  errors_before_login = 3
  errors = 50
  connections_per_address = 1000
  connections_per_user = 200
  login_timeout = "3m"
  idle_timeout = "30m"
  write_timeout = "5m"

An account without a password asks for it, or takes it from RESTANTE_PASSWORD when
it is the only one in use.`,
	}
}
