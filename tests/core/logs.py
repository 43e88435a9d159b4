"""Writes small logs in the real format, line by line, in any of the three generations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aibtui.core.build import LogFormat

GUID = "4f0e1c2a-9b7d-4e51-8a36-0c5d2b7e9f10"
START = datetime(2026, 5, 4, 8, 2, 11, tzinfo=UTC)
PLUGINS = "/root/.config/packer/plugins/github.com"
IMAGE = "packerImg_20260504080000"


class Log:
    """A log under construction; `at` moves by `wait`, `text` is what it holds so far."""

    def __init__(self, log_format: LogFormat = "g3", start: datetime = START) -> None:
        self.format = log_format
        self.at = start
        self.rows: list[str] = []

    def wait(self, seconds: float) -> Log:
        self.at += timedelta(seconds=seconds)
        return self

    @property
    def number(self) -> int:
        """The number of the newest line."""
        return len(self.rows)

    @property
    def data(self) -> bytes:
        return ("\n".join(self.rows) + "\n").encode()

    def raw(self, text: str) -> Log:
        self.rows.append(text)
        return self

    def debug(self, text: str) -> Log:
        marker = "ERR " if self.format == "g1" else ""
        return self.raw(f"[{GUID}] PACKER {marker}{self.at:%Y/%m/%d %H:%M:%S} {text}")

    def plugin(self, name: str, text: str) -> Log:
        if name == "azure":
            process = (
                "packer-plugin-azure plugin:"
                if self.format == "g1"
                else "packer-plugin-azure_v2.5.2_x5.0_linux_amd64 plugin:"
            )
            return self.debug(f"{process} {self.at:%Y/%m/%d %H:%M:%S} {text}")
        return self.debug(f"packer-provisioner-{name} plugin: {text}")

    def say(self, text: str, *, error: bool = False) -> Log:
        """A line of Packer's own screen without a builder."""
        if self.format == "g1":
            return self.raw(f"[{GUID}] PACKER OUT {text}")
        return self.debug(f"ui{' error' if error else ''}: {text}")

    def headline(self, text: str) -> Log:
        return self.say(f"==> azure-arm: {text}")

    def out(self, text: str, *, error: bool = False) -> Log:
        """A line that a script printed."""
        arrow = "==> " if self.format == "g3" or error else "    "
        return self.say(f"{arrow}azure-arm: {text}", error=error)

    def launch(self, *types: str) -> Log:
        """The plug-in starts of a plan, both lines of each."""
        self.debug("[INFO] Packer version: 1.15.0 [go1.24.12 linux amd64]")
        azure = f"{PLUGINS}/hashicorp/azure/packer-plugin-azure_v2.5.2_x5.0_linux_amd64"
        self.debug(f"[INFO] Starting external plugin {azure} start builder --protobuf arm")
        self.debug(f'Starting plugin: {azure} []string{{"{azure}", "start", "builder", "--protobuf", "arm"}}')
        for kind in types:
            if kind == "windows-update":
                path = f"{PLUGINS}/rgl/windows-update/packer-plugin-windows-update_v0.17.1_x5.0_linux_amd64"
                words = ["start", "provisioner", "--protobuf", "-packer-default-plugin-name-"]
            else:
                path = "/aib/packerInput/packer"
                words = ["execute", "--protobuf", f"packer-provisioner-{kind}"]
            self.debug(f"[INFO] Starting external plugin {path} {' '.join(words)}")
            quoted = ", ".join(f'"{word}"' for word in [path, *words])
            self.debug(f"Starting plugin: {path} []string{{{quoted}}}")
        return self

    def prepare(self, *types: str, os: str = "Windows", image: str | None = IMAGE) -> Log:
        """Everything from the first line to the first step's headline."""
        self.launch(*types)
        self.say("azure-arm: output will be in this color.")
        self.headline("Running builder ...")
        for name, value in (
            ("ImagePublisher", "contoso"),
            ("ImageOffer", "desktop"),
            ("ImageSku", "pro"),
            ("ImageVersion", "1.2.3"),
            ("VMSize", "Standard_D4s_v5"),
            ("OSType", os),
            *((("ManagedImageName", image),) if image else ()),
            ("BuildResourceGroupName", "IT_rg_template_1"),
        ):
            self.plugin("azure", f"{name}={value}")
        self.debug("On error: cleanup")
        self.headline("Validating deployment template ...")
        self.wait(1).headline("Deploying deployment template ...")
        connection = "SSH" if os == "Linux" else "WinRM"
        self.wait(80).headline(f"Waiting for {connection} to become available...")
        self.plugin("azure", "[ERROR] WinRM connection err: http response error: 401 - invalid content type")
        return self.wait(30).headline(f"Connected to {connection}!")

    def hidden_upload(self) -> Log:
        return self.headline(
            "Uploading /aib/packerInput/DeprovisioningScript.txt => c:\\DeprovisioningScript.ps1"
        ).wait(1)

    def powershell(self, source: str = "/tmp/powershell-provisioner1234", dump: tuple[str, ...] = ()) -> Log:
        """The two headlines of a powershell step, with the dump of an inline script between them."""
        self.headline("Provisioning with Powershell...")
        for place, command in enumerate(dump):
            self.plugin("powershell", f"Found command: {command}" if place == 0 else command)
        self.headline(f"Provisioning with powershell script: {source}")
        if dump:
            self.plugin("powershell", f"Opening {source} for reading")
        return self.wait(3)

    def returned(self, code: int) -> Log:
        return self.plugin("powershell", f"c:/Windows/Temp/script-1a2b-3c4d.ps1 returned with exit code {code}").wait(1)

    def restart(self, seconds: float = 45) -> Log:
        """A good restart, with the shutdown notices that look like errors."""
        self.headline("Restarting Machine")
        self.headline("Waiting for machine to restart...")
        self.say("==> azure-arm: A system shutdown is in progress.(1115)", error=True)
        self.plugin("azure", "[INFO] command 'shutdown /r /f /t 60' exited with code: 1115")
        return self.wait(seconds).headline("Machine successfully restarted, moving on").wait(1)

    def updates(self, seconds: float = 600) -> Log:
        self.headline("Uploading the Windows update elevated script...")
        self.headline("Running Windows update...")
        self.wait(5).out("Searching for Windows updates...")
        self.out("Found Windows update (2026-04-14; 81.2 MB): A cumulative update")
        self.out("Downloading Windows updates (1 updates; 81.2 MB)...").wait(seconds)
        return self.out("No Windows updates found")

    def clean_up(self) -> Log:
        self.headline("")
        marker = "OUT " if self.format == "g1" else ""
        what = "Deleting Virtual Machine deployment and its attached resources..."
        self.raw(f"[{GUID}] PACKER {marker}==> azure-arm: {what}")
        self.plugin("azure", "[DEBUG] DELETE https://management.azure.com/subscriptions/s/resourceGroups/g?[REDACTED]")
        return self.wait(65).headline("Deleted -> Microsoft.Compute/virtualMachines : 'pkrvm1'")

    def export(self) -> Log:
        if self.format == "g1":
            return self.raw(f"Done exporting Packer logs to Azure for Packer prefix: [{GUID}] PACKER OUT")
        return self.raw(f"[{GUID}] PACKER Done exporting Packer logs to Azure Storage.")

    def fail(self, message: str = "Script exited with non-zero exit status: 1. Allowed exit codes are: [0]") -> Log:
        self.headline("Provisioning step had errors: Running the cleanup provisioner, if present...")
        self.clean_up()
        self.say(f"Build 'azure-arm' errored after 9 minutes 2 seconds: {message}", error=True)
        self.say("==> Builds finished but no artifacts were created.")
        return self.export()

    def cancel(self) -> Log:
        self.say("Cancelling build after receiving terminated", error=True)
        self.debug("Cancelling builder after context cancellation context canceled")
        self.headline("")
        self.raw(f"[{GUID}] PACKER ==> azure-arm: Deleting Virtual Machine deployment and its attached resources...")
        return self.wait(2).export()

    def succeed(self) -> Log:
        """From the end of the last step to the end marker."""
        self.headline("Querying the machine's properties ...")
        self.headline("Powering off machine ...")
        self.wait(20).headline("Snapshotting OS disk ...")
        self.wait(10).headline("Skipping image creation...")
        self.clean_up()
        self.say("Build 'azure-arm' finished after 40 minutes 2 seconds.")
        self.say("==> Wait completed after 40 minutes 2 seconds")
        self.say("==> Builds finished but no artifacts were created.")
        return self.export()

    def deprovision(self) -> Log:
        """The hidden last step of Windows, with the script's source echoed as its output, and a good Sysprep."""
        path = "c:\\DeprovisioningScript.ps1"
        self.powershell(dump=(f'if( TEST-PATH {path} ){{cat {path}}} else {{echo "Image build may fail"}}',))
        self.out("Write-Output $imageState")
        self.out("if ($imageState -eq 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { break }")
        self.out(">>> Sysprepping VM ...")
        for _ in range(20):
            self.wait(5).out("IMAGE_STATE_UNDEPLOYABLE")
        self.wait(5).out("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
        return self.out(">>> Sysprep complete ...").returned(0)
