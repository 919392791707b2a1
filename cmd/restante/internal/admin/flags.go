package admin

import (
	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/config"
)

// dataFlags are what the commands on a server's data share.
type dataFlags struct {
	data   string // the folder
	config string // the file that may name it
}

func (d *dataFlags) add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&d.data, "data", "", "`FOLDER` that holds the mail (default "+config.DefaultData()+")")
	cmd.PersistentFlags().StringVar(&d.config, "config", "", "configuration `FILE` whose [server] table names the folder")
}

// open reaches the data, of a running server or a stopped one.
func (d *dataFlags) open(create bool) (API, error) {
	dir := d.data
	if dir == "" && d.config != "" {
		c, err := config.Load(d.config)
		if err != nil {
			return nil, err
		}
		dir = c.Server.Data
	}
	if dir == "" {
		dir = config.DefaultData()
	}
	return open(dir, create)
}
