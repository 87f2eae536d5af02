import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs the statements of a file, separated by blank lines, and plans its queries. */
public class ExplainSql {
    public static void main(String[] args) throws Exception {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        for (String statement : Files.readString(Path.of(args[0])).split(";\\s*\n")) {
            if (statement.strip().startsWith("SELECT")) {
                System.out.println(tables.explainSql(statement));
            } else if (statement.strip().startsWith("SET")) {
                String[] option = statement.strip().substring(3).split("=");
                tables.getConfig().set(unquote(option[0]), unquote(option[1]));
            } else if (!statement.isBlank()) {
                tables.executeSql(statement);
            }
        }
    }

    private static String unquote(String text) {
        return text.strip().replace("'", "");
    }
}
