// QEMUMachines
