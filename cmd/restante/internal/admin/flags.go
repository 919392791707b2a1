package admin

import (
	"context"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/config"
)

// dataFlags are what the commands on a server's data share.
type dataFlags struct {
	server config.Server // what flags say
	config string        // the file that may say it
}

func (d *dataFlags) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&d.server.Data, "data", "", "`FOLDER` that holds the mail (default "+config.DefaultData()+")")
	f.StringVar(&d.config, "config", "", "configuration `FILE` whose [server] table says where the mail is")
	config.AddStoreFlags(f, &d.server)
}

// settings returns the [server] table of the configuration file, over which the flags win.
func (d *dataFlags) settings() (config.Server, error) {
	var c config.Server
	if d.config != "" {
		file, err := config.Load(d.config)
		if err != nil {
			return c, err
		}
		c = file.Server
	}
	for _, pair := range [][2]*string{{&c.Data, &d.server.Data}, {&c.Store, &d.server.Store}, {&c.Blobs, &d.server.Blobs}, {&c.NATS, &d.server.NATS}} {
		if *pair[1] != "" {
			*pair[0] = *pair[1]
		}
	}
	if c.Data == "" {
		c.Data = config.DefaultData()
	}
	return c, nil
}

// open reaches the data, of a running server or a stopped one.
func (d *dataFlags) open(ctx context.Context, create bool) (API, error) {
	c, err := d.settings()
	if err != nil {
		return nil, err
	}
	return open(ctx, &c, create)
}
